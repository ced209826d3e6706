"""Bad bytes cost their own connection, and nobody else anything."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time

import pytest

import ipcm
from ipcm import Bus
from ipcm._core.presence import Hello
from ipcm.transports.base import Arrival, Limits
from ipcm.transports.unix.hello import VERSION
from tests._os.processes import until_readable
from tests.helpers import wait_until
from tests.transports.unix.sockets import hung_up, listener_of, raw


class TestBadInput:
    """Bad bytes cost their own connection, and nobody else anything."""

    @pytest.mark.parametrize(
        "data",
        [
            b"GET / HTTP/1.1\r\n\r\n",
            b"\0\0\0\0",
            b"\xff\xff\xff\xff",
            struct.pack("!I", 3) + b"abc",
            struct.pack("!I", 1 << 20),
            struct.pack("!I", 100_000) + b"\x91" * 65_000,
        ],
    )
    def test_garbage_instead_of_a_hello(self, bus: Bus, echo: ipcm.Handle, data: bytes) -> None:
        with raw(listener_of(bus, "echo")) as sock:
            sock.sendall(data)
            assert hung_up(sock)
        with raw(f"{bus.route}/r") as sock:
            sock.sendall(data[:4] + data)
            sock.shutdown(socket.SHUT_WR)
            assert hung_up(sock)
        assert echo.request("still there") == "still there"

    def test_a_truncated_frame_and_death_do_not_spin(self, bus: Bus, echo: ipcm.Handle) -> None:
        echo.request(1)
        began, turns = time.monotonic(), echo.snapshot().turns
        with raw(listener_of(bus, "echo")) as sock:
            sock.sendall(struct.pack("!I", 100) + b"half")
        echo.request(2)
        # Some are timed ones, where it takes long.
        assert echo.snapshot().turns < turns + 10 * (1 + time.monotonic() - began)

    def test_a_forged_hello(self, bus: Bus, echo: ipcm.Handle) -> None:
        import msgspec

        with bus.connect("honest") as honest:
            hello = Hello(VERSION, "honest", honest.incarnation, b"guess", False)
            body = msgspec.msgpack.encode(hello)
            with raw(listener_of(bus, "echo")) as sock:
                sock.sendall(struct.pack("!I", len(body)) + body)
                assert hung_up(sock)
        assert echo.request(1) == 1

    def test_another_process_cannot_use_a_token(self, bus: Bus, echo: ipcm.Handle) -> None:
        """The hello of a peer is worth nothing in the hands of another process."""
        with bus.connect("honest") as honest:
            frame = honest.port._introduction.frame  # type: ignore[attr-defined]
            child = os.fork()
            if child == 0:
                with raw(listener_of(bus, "echo")) as sock:
                    sock.sendall(frame)
                    os._exit(0 if hung_up(sock) else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def test_silence_costs_the_connection_after_the_deadline(self, bus: Bus) -> None:
        with bus.connect("patient") as client:
            client.port._limits = Limits(hello=0.1)  # type: ignore[attr-defined]
            with raw(listener_of(bus, "patient")) as sock:
                wait_until(lambda: client.poll(0.01) or until_readable(sock.fileno(), 0))
                assert hung_up(sock)

    def test_strangers_are_bounded(self, bus: Bus, echo: ipcm.Handle) -> None:
        path = listener_of(bus, "echo")
        socks = [raw(path) for _ in range(80)]
        echo.request("they are accepted now")
        cut = 0
        for sock in socks:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                cut += sock.recv(1) == b""
            sock.close()
        assert cut == 80 + 1 - 64  # and the asker itself, before its hello
        assert echo.request(1) == 1

    def test_the_silent_do_not_lock_others_out(self, bus: Bus, echo: ipcm.Handle) -> None:
        path = listener_of(bus, "echo")
        socks = [raw(path) for _ in range(200)]
        with bus.connect("honest") as honest:
            assert honest.request("echo", "let me in", 5) == "let me in"
        for sock in socks:
            sock.close()

    def test_a_large_first_message_comes_with_the_hello(self, bus: Bus, echo: ipcm.Handle) -> None:
        large = "x" * 100_000
        for name in ("one", "two", "three"):
            with bus.connect(name) as client:
                assert client.request("echo", large, 5) == large


class TestBehindGoodOnes:
    """Messages that came before the bad bytes count, also where one read brought both."""

    @pytest.mark.parametrize(
        "bad", [b"\0\0\0\0", b"\xff\xff\xff\xff" * 9, struct.pack("!I", 3) + b"abc"]
    )
    @pytest.mark.parametrize("known", [False, True])
    def test_they_are_delivered(self, bus: Bus, bad: bytes, known: bool) -> None:
        with bus.connect("b") as b, contextlib.ExitStack() as stack:
            b.port.subscribe()
            a = stack.enter_context(bus.connect("a"))  # b has not heard of it yet
            if known:  # the hello has been read already
                a.send_message("b", 0)
                assert len(b.get_messages(5)) == 1
            a.cork()
            for number in (1, 2, 3):
                a.send_message("b", number)
            link = a.port._links.outgoing["b"]  # type: ignore[attr-defined]
            a.port._links.queue(link, bad)  # type: ignore[attr-defined]
            a.uncork()
            assert [message.content for message in b.get_messages(5)] == [1, 2, 3]
            # It is hung up on without having to say more.
            wait_until(lambda: b.poll(0.01) or until_readable(link.fd, 0))
            assert hung_up(link.sock)
            assert not b.port._links.by_fd  # type: ignore[attr-defined]
            a.poll()
            a.send_message("b", "anew")
            assert [message.content for message in b.get_messages(5)] == ["anew"]

    def test_also_where_its_coming_is_still_to_be_told(self, bus: Bus) -> None:
        with bus.connect("b") as b, contextlib.ExitStack() as stack:
            b.port.subscribe()
            a = stack.enter_context(bus.connect("a"))
            a.cork()
            a.send_message("b", 1)
            links = a.port._links  # type: ignore[attr-defined]
            links.queue(links.outgoing["b"], struct.pack("!I", 3) + b"abc")
            a.uncork()
            arrivals: list[Arrival] = []
            b.port._accept(arrivals)  # type: ignore[attr-defined]  # before the registrar's word
            assert [envelope.content for _, envelope, _ in arrivals] == [1]
            assert [change.what for change in b.port.changes] == ["joined"]
            assert hung_up(links.outgoing["b"].sock)
