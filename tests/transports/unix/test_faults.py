"""System calls that fail."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any, cast

import pytest

import ipcm
from ipcm import Bus
from ipcm.role import process
from ipcm.transports.base import Limits
from ipcm.transports.unix import listener, port
from ipcm.transports.unix.link import Link
from ipcm.transports.unix.links import Links
from ipcm.transports.unix.route import Route
from tests._os.processes import fds
from tests.helpers import wait_until
from tests.transports.unix.sockets import hung_up, listener_of, raw


class TestFaults:
    def test_many_descriptors_used_up(self, bus: Bus, echo: ipcm.Handle) -> None:
        echo.request(1)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = set(map(int, os.listdir("/proc/self/fd")))
        free = [fd for fd in range(1000) if fd not in used]
        fitted = False
        try:
            # So many and no more can be had: it is short at each of the steps in turn.
            for spare in range(12):
                resource.setrlimit(resource.RLIMIT_NOFILE, (free[spare], hard))
                try:
                    bus.connect("one too many").disconnect()
                    fitted = True
                except OSError as error:
                    assert error.errno == errno.EMFILE and not fitted  # noqa: PT017
                assert echo.request(2) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert fitted
        with bus.connect("fits"):
            pass


class Dribbling:
    """A socket that takes and gives a few bytes at a time."""

    def __init__(self, sock: socket.socket, size: int) -> None:
        self._sock, self._size = sock, size
        self.fileno, self.close = sock.fileno, sock.close

    def recv_into(self, buffer: memoryview) -> int:
        return self._sock.recv_into(buffer[: self._size])

    def send(self, data: bytes) -> int:
        return self._sock.send(data[: self._size])

    def sendmsg(self, buffers: list[Any]) -> int:
        return self._sock.send(b"".join(buffers)[: self._size])


class TestBytes:
    @pytest.mark.parametrize("size", [1, 2, 5, 4096])
    def test_a_few_at_a_time(self, bus: Bus, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        class Dribble(Link):
            __slots__ = ()

            def __init__(self, sock: Any, *rest: Any) -> None:
                super().__init__(Dribbling(sock, size), *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(port, "Link", Dribble)
        with bus.connect("a") as a, bus.connect("b") as b:
            contents = ["x" * (n % 5 * size) for n in range(40)] + ["y" * 70_000 * (size > 5)]
            for content in contents:
                a.send_message("b", content)
                b.send_message("a", content)
            got_a: list[str] = []
            got_b: list[str] = []
            deadline = time.monotonic() + 20
            while min(len(got_a), len(got_b)) < len(contents):
                assert time.monotonic() < deadline
                got_a += [message.content for message in a.get_messages(0.001)]
                got_b += [message.content for message in b.get_messages(0.001)]
            assert got_a == got_b == contents

    def test_a_storm_of_signals(self, bus: Bus, echo: ipcm.Handle) -> None:
        seen: list[int] = []
        before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
        me = os.getpid()
        storm = os.fork()
        if storm == 0:
            try:
                while os.getppid() == me:
                    os.kill(me, signal.SIGUSR1)
                    time.sleep(0.0005)
            finally:
                os._exit(0)
        try:
            for n in range(200):
                assert echo.request(n) == n
            large = "x" * (8 << 20)
            assert echo.request(large) == large
            with bus.connect("comes") as client:
                assert client.request("echo", 1) == 1
        finally:
            os.kill(storm, signal.SIGKILL)
            os.waitpid(storm, 0)
            signal.signal(signal.SIGUSR1, before)
        assert seen

    def test_a_frame_without_end_costs_nobody_else(self, bus: Bus, echo: ipcm.Handle) -> None:
        with bus.connect("honest") as honest, raw(listener_of(bus, "echo")) as sock:
            frame = honest.port._introduction.frame  # type: ignore[attr-defined]
            sock.sendall(frame + (16 << 20).to_bytes(4, "big"))
            for _ in range(20):
                sock.sendall(b"x" * 1000)
                assert echo.request(1) == 1
            with bus.connect("other") as other:
                assert other.request("echo", 2) == 2
        assert echo.request(3) == 3

    def test_bad_bytes_after_a_good_hello(self, bus: Bus, echo: ipcm.Handle) -> None:
        with bus.connect("honest") as honest:
            frame = honest.port._introduction.frame  # type: ignore[attr-defined]
            for bad in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x01\xc1", b"\0\0\0\x02\x91\xc0"):
                with raw(listener_of(bus, "echo")) as sock:
                    sock.sendall(frame + bad)
                    assert hung_up(sock)
            assert honest.request("echo", 2) == 2

    def test_somebody_else_s_connection_is_closed(
        self, bus: Bus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with bus.connect("a") as a:
            monkeypatch.setattr(listener, "peer_credentials", lambda sock: (1, os.geteuid() + 1))
            with raw(listener_of(bus, "a")) as sock:
                a.poll(0.05)
                assert hung_up(sock)


class TestShortage:
    def test_no_descriptor_for_who_dials(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            a.send_message("b", "waiting")
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            used = fds()
            free = min(fd for fd in range(1000) if fd not in used)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                spent = time.process_time()
                assert b.get_messages(0.3) == []
                assert time.process_time() - spent < 0.2  # it does not spin
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert [message.content for message in b.get_messages(5)] == ["waiting"]

    def test_no_process_for_a_registrar(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "fork", no_process)
        with pytest.raises(ipcm.BusError, match="Resource temporarily unavailable"):
            ipcm.spawn("short")
        monkeypatch.undo()
        assert ipcm.buses() == []

    def test_no_lock_for_a_bus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def none_left(fd: int, how: int) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(fcntl, "flock", none_left)
        with pytest.raises(ipcm.BusError, match="No locks available"):
            ipcm.spawn("short")

    def test_no_descriptor_for_the_process_of_a_service(
        self, bus: Bus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none_left(pid: int) -> int:
            raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

        with monkeypatch.context() as patched:
            patched.setattr(process, "open_child", none_left)
            with pytest.raises(ipcm.ServiceStartError, match="no process for 's': Too many open"):
                ipcm.service("s", ipcm.EchoService, bus=bus, start="fork")
        wait_until(lambda: not bus.peers())

    @pytest.mark.parametrize("step", ["read", "decode"])
    def test_no_memory_for_a_message(
        self, bus: Bus, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        def none_left(*_: Any) -> Any:
            raise MemoryError

        with bus.connect("a") as a, bus.connect("b") as b, bus.connect("c") as c:
            for sender in (a, c):
                sender.send_message("b", 1)
                assert [message.content for message in b.get_messages(5)] == [1]
            a.send_message("b", 2)
            with monkeypatch.context() as patched:
                if step == "read":
                    patched.setattr(Link, "read", none_left)
                else:
                    patched.setattr(b.port, "_unpack", none_left)
                assert b.get_messages(0.2) == []
            for sender in (c, a):
                sender.send_message("b", sender.name)
                assert [message.content for message in b.get_messages(5)] == [sender.name]

    def test_a_link_that_nobody_can_listen_to_is_closed(self) -> None:
        class Full:
            def register(self, fd: int, events: int) -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        links = Links(cast("select.epoll", Full()), Limits())
        for add in (links.add, links.add_stranger):
            ours, theirs = socket.socketpair()
            with theirs, pytest.raises(OSError, match="No space left"):
                add(Link(ours, memoryview(bytearray(100)), 100))
            assert ours.fileno() == -1
        assert not links.by_fd and not links.strangers

    def test_no_process_for_a_service(self, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fork", no_process)
            with pytest.raises(ipcm.ServiceStartError, match="Resource temporarily unavailable"):
                ipcm.service("s", ipcm.EchoService, bus=bus, start="fork")
        assert bus.peers() == []
        with ipcm.service("s", ipcm.EchoService, bus=bus) as handle:
            assert handle.request(1) == 1

    @pytest.mark.parametrize("step", ["mkdir", "write_bytes", "rename"])
    def test_a_full_disk_at_spawn(self, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        before = getattr(Path, step)

        def full(path: Path, *rest: Any, **options: Any) -> Any:
            if "full" in path.parts:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return before(path, *rest, **options)

        with monkeypatch.context() as patched:
            patched.setattr(Path, step, full)
            with pytest.raises(ipcm.BusError, match="No space left"):
                ipcm.spawn("full")
        assert ipcm.buses() == []
        with ipcm.spawn("full") as bus:
            assert bus.peers() == []

    def test_a_full_disk_for_a_peer_s_socket(
        self, bus: Bus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(route: Route, address: str) -> socket.socket:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(Route, "listen", full)
            with pytest.raises(ipcm.BusError, match="No space left"):
                bus.connect("a")
        with bus.connect("a") as a:
            assert a.peers() == []


def no_process() -> int:
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
