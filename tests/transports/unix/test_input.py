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
from ipcm._core.registry import Hello
from ipcm.transports.base import Limits
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
