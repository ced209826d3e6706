"""System calls that fail in the registrar, and what its peers notice of it."""

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
from ipcm._os.process import ProcessIdentity, open_pidfd
from ipcm.transports.unix import membership, registrar
from ipcm.transports.unix.route import Route
from ipcm.transports.unix.sweep import Sweep
from ipcm.transports.unix.wards import Wards
from tests.helpers import wait_until


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
    class Connection(registrar._Connection):
        def __init__(self, sock: socket.socket, scratch: memoryview, pid: int) -> None:
            super().__init__(sock, scratch, pid)
            self.sock = Forgetful(sock, b"Left")  # type: ignore[assignment]

    monkeypatch.setattr(registrar, "_Connection", Connection)
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
