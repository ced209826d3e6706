"""What strangers and unruly peers cost the registrar: nothing but their own connection."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import ipcm
from ipcm import Bus
from ipcm._core.presence import End, FromPeer, Listing, ListPeers, Ready, Register, Subscribe
from ipcm.transports.base import Limits
from ipcm.transports.unix import line as lines
from ipcm.transports.unix import registrar
from ipcm.transports.unix.presence import encode_word
from tests.helpers import wait_until
from tests.transports.unix.sockets import hung_up, raw


@pytest.fixture
def line(bus: Bus) -> Iterator[socket.socket]:
    with raw(f"{bus.route}/r") as sock:
        yield sock


def works(bus: Bus) -> bool:
    with bus.connect("checking") as client:
        return client.peers() is not None


def descriptors_of(bus: Bus) -> list[str]:
    found = []
    for fd in Path(f"/proc/{bus._record.keeper_pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has closed it meanwhile
            found.append(os.readlink(fd))
    return found


def flood(sock: socket.socket, word: FromPeer, most: int) -> bool:
    """Sends a word again and again and reads nothing; whether it is cut off."""
    chunk = encode_word(word) * 500
    sock.settimeout(5)
    with contextlib.suppress(TimeoutError):
        for _ in range(most):
            try:
                sock.sendall(chunk)
            except (BrokenPipeError, ConnectionResetError):
                return True
    return False


class TestStrangers:
    def test_one_that_says_nothing_is_hung_up_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The registrar is forked from here, with what is patched.
        monkeypatch.setattr(lines, "Limits", lambda: Limits(hello=0.2))
        with (
            ipcm.spawn() as bus,
            raw(f"{bus.route}/r") as silent,
            raw(f"{bus.route}/r") as dribbling,
            bus.connect("a") as a,
        ):
            with contextlib.suppress(BrokenPipeError):  # already? then it had been silent
                dribbling.sendall(b"\0")
            began = time.monotonic()
            assert hung_up(silent)
            assert hung_up(dribbling)
            assert time.monotonic() - began < 5
            assert a.peers() == []

    def test_many_that_say_nothing_lock_nobody_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registrar, "_MOST_STRANGERS", 20)
        with ipcm.spawn() as bus, contextlib.ExitStack() as stack:
            socks = [stack.enter_context(raw(f"{bus.route}/r")) for _ in range(50)]
            assert works(bus)
            assert hung_up(socks[0])

    def test_one_frame_too_large(self, bus: Bus, line: socket.socket) -> None:
        line.sendall((65 << 10).to_bytes(4, "big"))
        assert hung_up(line)
        assert works(bus)

    @pytest.mark.parametrize("body", [b"\xc1", b"\x92\xa4Find\x01", b"\x93\xa4Find\x01\xa1\xff"])
    def test_what_is_no_word(self, bus: Bus, line: socket.socket, body: bytes) -> None:
        line.sendall(len(body).to_bytes(4, "big") + body)
        assert hung_up(line)
        assert works(bus)

    def test_words_out_of_place(self, bus: Bus, line: socket.socket) -> None:
        for word in (Ready(), Subscribe(1), Subscribe(2), ListPeers(3)):
            line.sendall(encode_word(word))
        life = "0" * 32
        line.sendall(encode_word(Register(4, "a", life, "client", True)))
        line.sendall(encode_word(Register(5, "b", life, "client", True)))
        line.sendall(encode_word(Register(6, "b", life, "client", True)) * 300)
        wait_until(lambda: bus.peers() == ["a"])
        pidfds = [fd for fd in descriptors_of(bus) if "pidfd" in fd]
        assert len(pidfds) <= 3  # its owner, this process as "a", and as whoever looks
        line.close()
        wait_until(lambda: bus.peers() == [])

    def test_it_cannot_keep_the_bus_from_ending(self, bus: Bus, line: socket.socket) -> None:
        line.sendall(encode_word(End(1, float("nan"))))
        bus.shutdown(0.0)
        assert ipcm.buses() == []


class TestUnruly:
    def test_one_that_asks_and_does_not_read_is_cut_off(
        self, bus: Bus, line: socket.socket
    ) -> None:
        with bus.connect("x" * 30_000):
            assert flood(line, ListPeers(1), 100)
        assert works(bus)

    def test_one_that_never_stops_does_not_keep_others_waiting(
        self, bus: Bus, line: socket.socket
    ) -> None:
        line.setblocking(False)
        chunk = encode_word(Ready()) * 5_000
        slowest = 0.0
        for _ in range(50):
            with contextlib.suppress(BlockingIOError):
                line.send(chunk)
            began = time.monotonic()
            assert works(bus)
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 5

    def test_a_subscriber_that_does_not_read_is_told_what_is_when_it_does(self, bus: Bus) -> None:
        long = "x" * 30_000
        with bus.connect("slow") as slow:
            slow.port.subscribe()
            for n in range(60):
                with bus.connect(f"{long}{n}"):
                    pass
            with bus.connect("last"):
                wait_until(lambda: slow.peers() == ["last"])
            wait_until(lambda: slow.peers() == [])

    def test_a_service_that_does_not_read_is_told_to_end_when_it_does(
        self, bus: Bus, echo: ipcm.Handle
    ) -> None:
        long = "x" * 30_000
        pid = echo.service_pid or 0
        os.kill(pid, signal.SIGSTOP)
        try:
            for n in range(60):
                with bus.connect(f"{long}{n}"):
                    pass
            bus.terminate()
        finally:
            os.kill(pid, signal.SIGCONT)
        assert echo.wait(10) == 0


def test_a_word_is_what_it_was() -> None:
    word = Register(1, "a", "0" * 32, "client", True)
    assert msgspec.msgpack.decode(encode_word(word)[4:], type=FromPeer) == word


def test_an_answer_that_comes_late_is_not_kept(bus: Bus) -> None:
    with bus.connect("a") as a:
        link = a.port._members._link  # type: ignore[attr-defined]
        for _ in range(3):
            with pytest.raises(ipcm.BusGone):
                link.ask(ListPeers(link.next_seq()), Listing, patience=0.0)
        assert link.ask(ListPeers(link.next_seq()), Listing).peers
        assert link._answers == {}
