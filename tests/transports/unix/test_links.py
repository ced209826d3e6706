"""What waits for several peers at once."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

import ipcm
from ipcm import Bus
from ipcm._core.envelope import GENERAL, Envelope
from ipcm._core.framing import HEADER
from ipcm.testing.contract.base import LIMIT, read
from ipcm.transports.base import Limits
from ipcm.transports.unix.port import UnixPort


class TestHeldBack:
    def test_the_number_of_one_that_was_cut_off_is_another_s_now(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("slow") as slow, bus.connect("free") as free:
            a.send_message("slow", "first")
            a.cork()
            a.send_message("slow", "held")
            a.port.cut("slow")
            a.send_message("free", 1)  # over a new connection, which takes the free descriptor
            a.uncork()
            assert [message.content for message in read(free, 1)] == [1]
            a.send_message("slow", "anew")
            assert [message.content for message in read(slow, 2)] == ["first", "anew"]


class TestAll:
    def test_large_ones_for_many_that_do_not_read(self, bus: Bus) -> None:
        large = "x" * (15 << 20)
        most = Limits().process // len(large) + 10
        with ExitStack() as stack:
            a = stack.enter_context(bus.connect("a"))
            for number in range(most):
                stack.enter_context(bus.connect(f"stuck-{number}"))
            free = stack.enter_context(bus.connect("free"))
            outcomes = [a.try_message(f"stuck-{number}", large) for number in range(most)]
            errors = [outcome.err for outcome in outcomes if not outcome]
            assert errors
            for error in errors:
                assert isinstance(error, ipcm.Backpressure)
                assert error.queued <= error.limit == Limits().process
            a.send_message("free", "small")
            a.send_message("free", "x" * 100_000)
            assert [len(message.content) for message in read(free, 2)] == [5, 100_000]
            for number in range(most):
                a.port.cut(f"stuck-{number}")
            a.send_message("free", large)
            assert [len(message.content) for message in read(free, 1, a)] == [len(large)]


class TestUntilItIsTaken:
    """Who waits for the kernel to take more sleeps no longer than that takes."""

    @pytest.mark.parametrize("way", ["look", "read", "spin"])
    @pytest.mark.parametrize("how", ["taken", "hung up"])
    def test_a_wait_ends_with_it(self, bus: Bus, way: str, how: str) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            b.send_message("a", "so that it spoke last")
            read(a, 1)
            port = a.port
            assert isinstance(port, UnixPort)
            link = port._links.incoming["b"]
            body = port._encode(Envelope(GENERAL, 1, "x", None, 0.0))
            port._links.queue(link, HEADER.pack(len(body)) + body)
            if how == "hung up":
                b.port.cut("a")
            port._looked = 0.0 if way == "look" else float("inf")
            port._streaming = way == "read"
            port._credit = way == "spin"
            began = time.monotonic()
            while port.backlog():
                port.receive(LIMIT)
            assert time.monotonic() - began < LIMIT / 2


class TestGone:
    def test_one_that_has_hung_up_is_not_named_among_those_who_are_there(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b, bus.connect("c"):
            # As in the moment from its death until the registrar knows.
            b.port._listener.close(b.port._address)  # type: ignore[attr-defined]
            with pytest.raises(ipcm.NoSuchPeer, match="no peer named 'b'; here are: c"):
                a.send_message("b", 1)

    def test_the_error_tells_nothing_of_sockets(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            a.send_message("b", 1)
            assert b.get_messages(LIMIT)
            b.disconnect()
            with pytest.raises(ipcm.NoSuchPeer) as raised:
                a.send_message("b", 2)
            assert raised.value.__context__ is None
