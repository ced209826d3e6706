"""System calls of the registrar: those that fail, what its peers notice of it, and how many."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm._core.presence import Leave, Register, Subscribe
from ipcm._os.process import ProcessIdentity, open_pidfd
from ipcm.transports.unix import membership, registrar
from ipcm.transports.unix.line import Line
from ipcm.transports.unix.presence import PresenceLink
from ipcm.transports.unix.route import Route
from ipcm.transports.unix.sweep import Sweep
from ipcm.transports.unix.wards import Wards
from tests.helpers import gone, wait_until


def failing(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def answers(handle: ipcm.Handle) -> bool:
    with contextlib.suppress(ipcm.NoSuchPeer, ipcm.PeerGone):
        return bool(handle.request(1) == 1)
    return False


class Forgetful:
    """A socket that has no memory for some words."""

    def __init__(self, sock: socket.socket, word: bytes) -> None:
        self._sock, self._word = sock, word

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendmsg(self, buffers: list[Any]) -> int:
        if self._word in b"".join(buffers):
            raise failing(errno.ENOBUFS)
        return self._sock.sendmsg(buffers)


# The registrar is forked from here, with what is patched.


def test_a_service_that_it_hangs_up_on_comes_again_and_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put, errors = Wards.put, [failing(errno.EMFILE)]

    def short(wards: Wards, *rest: Any) -> None:
        if errors:
            raise errors.pop()
        put(wards, *rest)

    monkeypatch.setattr(Wards, "put", short)
    with ipcm.spawn() as bus, ipcm.service("echo", ipcm.EchoService, bus=bus) as echo:
        wait_until(lambda: answers(echo))
        assert bus.services() == ["echo"]


def test_who_joins_is_told_why_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[ProcessIdentity] = []

    def short(who: ProcessIdentity) -> int:
        watched.append(who)
        if len(watched) == 2:  # the first one is the owner of the bus
            raise failing(errno.EMFILE)
        return open_pidfd(who)

    with monkeypatch.context() as patched:
        patched.setattr(registrar, "open_pidfd", short)
        bus = ipcm.spawn()
    with bus:
        with pytest.raises(ipcm.BusGone, match=r"cannot watch process \d+: Too many open files"):
            bus.connect("a")
        with bus.connect("a") as a:
            assert a.peers() == []


def test_a_word_that_it_could_not_send_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Line):
        def __init__(self, sock: socket.socket, scratch: memoryview, pid: int) -> None:
            super().__init__(sock, scratch, pid)
            self.sock = Forgetful(sock, b"Left")  # type: ignore[assignment]

    monkeypatch.setattr(registrar, "Line", Failing)
    monkeypatch.setattr(membership, "_TRUST", 0.1)
    with ipcm.spawn() as bus, bus.connect("a") as a:
        a.keep_changes = True
        a.port.subscribe()

        def told_of_b() -> list[str]:
            a.poll()
            return [each.what for each in a.changes if each.peer and each.peer.name == "b"]

        with bus.connect("b"):
            wait_until(told_of_b)
        wait_until(lambda: told_of_b() == ["joined", "left"])
        assert bus.peers() == ["a"]


def test_to_look_at_sockets_takes_descriptors_and_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(address: str) -> socket.socket:
        raise failing(errno.EMFILE)

    (tmp_path / "p").mkdir()
    tmp_path.chmod(0o700)
    with Route(str(tmp_path)) as route:
        route.listen(route.address("p/a~1")).close()
        os.utime(tmp_path / "p" / "a~1", (0, 0))
        sweep = Sweep(route)
        with monkeypatch.context() as patched:
            patched.setattr(route, "listener", none_left)
            sweep.run(1.0, ())
            assert sweep.due == 2.0
        sweep.run(2.0, ())
        assert sweep.due == math.inf and not os.listdir(tmp_path / "p")
        shutil.rmtree(tmp_path / "p")
        sweep.run(3.0, ())
        assert sweep.due == math.inf


class Noting:
    """A socket that notes, in a list for all, when something is sent over it."""

    def __init__(self, sock: socket.socket, sent: list[int]) -> None:
        self._sock, self._sent = sock, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendmsg(self, buffers: list[Any]) -> int:
        self._sent.append(self._sock.fileno())
        return self._sock.sendmsg(buffers)


def test_each_is_woken_once_in_a_turn_and_who_has_an_answer_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    class Noted(Line):
        def __init__(self, sock: socket.socket, scratch: memoryview, pid: int) -> None:
            super().__init__(sock, scratch, pid)
            self.sock = Noting(sock, sent)  # type: ignore[assignment]

    monkeypatch.setattr(registrar, "Line", Noted)
    with contextlib.ExitStack() as stack:
        (tmp_path / "p").mkdir()
        route = stack.enter_context(contextlib.closing(Route(str(tmp_path))))
        listener = stack.enter_context(route.listen(route.address("r")))
        served = registrar.Registrar(route, listener, -1, None, False)
        links = [stack.enter_context(contextlib.closing(PresenceLink(route))) for _ in range(20)]
        for number, link in enumerate(links):
            link.tell(Register(1, f"peer{number}", f"{number:032}", "client", True))
        links[0].tell(Subscribe(2))
        served._turn()
        lines = list(served._connections)
        assert sorted(sent) == sorted(lines)
        links[0].read()
        assert len(links[0].pushed) == 19
        # One that leaves knows that all have been told, whatever they are told besides.
        sent.clear()
        links[1].tell(Leave(2))
        links[2].tell(Leave(2))
        served._turn()
        assert sent == lines[:3]
        for line in list(served._connections.values()):
            served._drop(line)
        served._epoll.close()


def test_one_that_cannot_live_has_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: Any) -> None:
        raise failing(errno.EMFILE)

    with monkeypatch.context() as patched:
        patched.setattr(registrar, "Registrar", none_left)
        bus = ipcm.spawn()
    with bus:
        keeper = bus._record.keeper_pid
        assert keeper is not None
        wait_until(lambda: gone(keeper))
        with pytest.raises(ipcm.BusGone, match=r"\(a registrar died: OSError: .*Too many"):
            bus.connect("a")
