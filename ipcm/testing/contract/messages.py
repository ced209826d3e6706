"""Delivery: in order per sender, at most once, to whom it was sent."""

from __future__ import annotations

import select
from typing import Any

import pytest

import ipcm
from ipcm import Bus
from ipcm.testing.contract.base import LIMIT, Base, answer, read

__all__ = ["Messages"]


class Messages(Base):
    """Sending and receiving."""

    def test_a_message_says_where_it_comes_from(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            first, second = a.send_message("b", 1), a.send_message("b", 2)
            got = read(b, 2)
            assert [message.id for message in got] == [first, second]
            assert first != second
            for message in got:
                assert (message.sender, message.to, message.kind) == ("a", "b", "general")
                assert message.incarnation == a.incarnation != b.incarnation
                assert message.stamp > 0
                assert message.correlation_id is None
                assert not message.broadcast

    def test_order_holds_through_queues_and_partial_writes(self, bus: Bus) -> None:
        with bus.connect("from") as sender, bus.connect("to") as receiver:
            payloads = ["x" * (n % 7 * 9000) for n in range(300)]
            for n, payload in enumerate(payloads):
                sender.send_message("to", [n, payload])
            got = read(receiver, 300, sender)
            assert [message.content[0] for message in got] == list(range(300))
            assert [message.content[1] for message in got] == payloads
            assert receiver.get_messages() == []

    def test_each_comes_once_from_several_senders(self, bus: Bus) -> None:
        with (
            bus.connect("one") as one,
            bus.connect("two") as two,
            bus.connect("to") as receiver,
        ):
            for n in range(500):
                one.send_message("to", n)
                two.send_message("to", n)
            got = read(receiver, 1000, one, two)
            for sender in ("one", "two"):
                numbers = [message.content for message in got if message.sender == sender]
                assert numbers == list(range(500))
            assert receiver.get_messages() == []

    def test_both_send_first(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            for n in range(0, 6, 2):
                a.send_message("b", n)
                b.send_message("a", n + 1)
            assert [message.content for message in read(b, 3)] == [0, 2, 4]
            assert [message.content for message in read(a, 3)] == [1, 3, 5]
            a.send_message("b", 6)
            assert [message.content for message in read(b, 1)] == [6]

    def test_a_broadcast_tells_how_it_went_for_each(self, bus: Bus) -> None:
        with (
            bus.connect("a") as a,
            bus.connect("b") as b,
            bus.connect("c") as c,
            bus.observe(),
        ):
            results = a.broadcast("all")
            assert set(results) == {"b", "c"}
            assert all(results.values())
            for client in (b, c):
                (got,) = read(client, 1)
                assert (got.content, got.sender) == ("all", "a")
                assert got.broadcast
                assert got.kind == "general"
            assert a.get_messages() == []

    def test_an_unknown_peer_is_refused_and_the_others_are_named(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b"), bus.observe():
            with pytest.raises(ipcm.NoSuchPeer) as caught:
                a.send_message("nobody", 1)
            assert caught.value.peer == "nobody"
            assert caught.value.found == ["b"]
            outcome = a.try_message("nobody", 1)
            assert not outcome
            assert isinstance(outcome.err, ipcm.NoSuchPeer)
            assert a.try_message("b", 1).ok
            assert a.stats.sent == {"b": 1}

    def test_to_oneself(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            a.send_message("a", "note")
            (got,) = a.get_messages()
            assert (got.sender, got.to, got.content) == ("a", "a", "note")
            with pytest.raises(ipcm.UsageError, match="itself"):
                a.send_request("a", 1)

    def test_corked_messages_leave_together(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            a.cork()
            a.cork()
            for n in range(10):
                a.send_message("b", n)
            a.uncork()
            assert b.get_messages(0.02) == []
            a.uncork()
            assert [message.content for message in read(b, 10)] == list(range(10))

    def test_who_looks_for_an_answer_inside_of_a_cork_gets_it(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            a.cork()
            id = a.send_request("b", 1)
            assert a.get_response(id) is None
            (request,) = read(b, 1)
            answer(b, request, 2)
            assert a.await_response(id, 5).payload == 2
            a.send_message("b", 3)
            assert a.flush(5)
            assert [message.content for message in read(b, 1)] == [3]
            a.uncork()

    def test_requeued_messages_come_again_behind_the_others(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            a.send_message("b", 1)
            (got,) = read(b, 1)
            a.send_message("b", 2)
            b.poll(1)
            b.requeue_message(got)
            assert [message.content for message in b.get_messages()] == [2, 1]

    def test_unread_messages_are_handed_over(self, bus: Bus) -> None:
        handed: list[Any] = []
        with bus.connect("a") as a:
            b = bus.connect("b")
            a.send_message("b", 1)
            a.send_message("b", 2)
            left = b.disconnect(lambda messages: handed.extend(m.content for m in messages))
            assert [message.content for message in left] == [1, 2]
            assert handed == [1, 2]
            assert b.disconnect(handed.append) == []
            assert handed == [1, 2]

    def test_what_was_sent_and_read_is_counted(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            for n in range(3):
                a.send_message("b", n)
            b.send_message("a", 0)
            assert bus.sanity_delta(a, b) == {"a -> b": 3, "b -> a": 1}
            read(b, 3)
            read(a, 1)
            assert a.stats.sent == {"b": 3}
            assert b.stats.read == {"a": 3}
            assert bus.sanity_delta(a, b) == {}

    def test_the_descriptor_is_readable_while_something_is_there(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            poll = select.poll()
            poll.register(b.fileno(), select.POLLIN)
            a.send_message("b", 1)
            assert poll.poll(LIMIT * 1000)
            read(b, 1)
            b.poll()
            assert not poll.poll(0)
            a.send_message("b", 2)
            assert poll.poll(LIMIT * 1000)
            read(b, 1)
