"""Bounds: what a peer that does not read costs, and whom."""

from __future__ import annotations

import pytest

import ipcm
from ipcm import Bus, Client
from ipcm.testing.contract.base import LIMIT, Base, answer, read
from ipcm.testing.running import Thread
from ipcm.transports.base import Limits

__all__ = ["Flow"]

_CHUNK = "x" * (1 << 20)


def fill(sender: Client, to: str) -> int:
    """Sends until there is Backpressure; how many messages were accepted."""
    for count in range(10_000):
        outcome = sender.try_message(to, [count, _CHUNK])
        if isinstance(outcome.err, ipcm.Backpressure):
            assert outcome.err.peer == to
            assert outcome.err.queued <= outcome.err.limit == Limits().peer
            return count
        assert outcome
    raise AssertionError("10 GB were accepted for a peer that does not read")


class Flow(Base):
    """Nothing is dropped in silence, and memory is bounded."""

    def test_a_peer_that_does_not_read_slows_its_sender_only(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("stuck"), bus.connect("free") as free:
            count = fill(a, "stuck")
            assert 0 < a.port.backlog()["stuck"] <= count
            assert not a.flush(0.02)
            a.send_message("free", 1)
            assert [message.content for message in read(free, 1)] == [1]
            assert isinstance(a.broadcast(_CHUNK)["stuck"].err, ipcm.Backpressure)
            assert [message.broadcast for message in read(free, 1, a)] == [True]
            a.port.cut("stuck")

    def test_what_was_accepted_arrives_when_it_reads_again(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("slow") as slow:
            count = fill(a, "slow")
            a_number = [message.content[0] for message in read(slow, count, a)]
            assert a_number == list(range(count))
            assert a.flush(LIMIT)
            assert a.port.backlog() == {}
            a.send_message("slow", "again")
            assert [message.content for message in read(slow, 1)] == ["again"]

    def test_many_small_ones_wait_as_well(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("slow") as slow:
            for number in range(1_000):
                a.send_message("slow", [number, "x" * 3_000])
            numbers = [message.content[0] for message in read(slow, 1_000, a)]
            assert numbers == list(range(1_000))

    def test_two_that_flush_to_each_other_do_not_wait_for_ever(self, bus: Bus) -> None:
        def flush_and_read(client: Client, count: int) -> None:
            assert client.flush(LIMIT)
            assert [message.content[0] for message in read(client, count)] == list(range(count))

        with bus.connect("a") as a, bus.connect("b") as b:
            to_b, to_a = fill(a, "b"), fill(b, "a")
            thread = Thread(lambda: flush_and_read(a, to_a))
            flush_and_read(b, to_b)
            thread.result()

    def test_what_comes_in_while_flushing_calls_nobody_back(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            called: list[str] = []
            a.send_request("b", 1, lambda response, message: called.append("answered"))
            (request,) = read(b, 1)
            fill(a, "b")
            b.send_message("a", "before")
            answer(b, request, 2)
            b.send_message("a", "after")
            thread = Thread(lambda: a.flush(LIMIT))
            while thread.is_alive():
                b.get_messages(0.01)
            assert thread.result()
            assert not called
            assert [message.content for message in read(a, 2)] == ["before", "after"]
            assert called == ["answered"]

    def test_cutting_one_off(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("stuck") as stuck:
            fill(a, "stuck")
            a.port.cut("stuck")
            assert a.port.backlog() == {}
            assert a.flush(0.0)
            a.send_message("stuck", "anew")
            contents = []
            while "anew" not in contents:
                contents += [message.content for message in read(stuck, 1)]
            numbers = [content[0] for content in contents[:-1]]
            assert numbers == list(range(len(numbers)))
            a.port.cut("nobody")

    def test_a_peer_that_leaves_takes_its_backlog_along(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            stuck = bus.connect("stuck")
            fill(a, "stuck")
            stuck.disconnect()
            a.poll()
            with pytest.raises(ipcm.NoSuchPeer):
                a.send_message("stuck", 1)
            assert a.port.backlog() == {}
