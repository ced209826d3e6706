"""SIGKILL for any one process of a program, at any moment: nothing stays, and it starts again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Service
from tests._os.processes import exit_of, until_readable
from tests.helpers import gone, members_of, soaking, wait_awake, wait_until
from tests.role.consumers import double

VICTIMS = ("parent", "registrar", "service", "worker", "client")
ORPHANED = 2.0
"""Seconds that anybody may outlive what it belongs to."""


class Program:
    """A program with a bus, a service with a worker, and a client that asks and asks."""

    def __init__(self) -> None:
        self._told, self._tell = os.pipe()
        self._go, self._end = os.pipe()
        self._rest = b""
        self.pids: dict[str, int] = {}
        parent = os.fork()
        if parent == 0:
            os.setpgid(0, 0)  # by which those are found who outlive it
            os.close(self._told)
            os.close(self._end)
            code = 99
            try:
                code = self._run()
            finally:
                os._exit(code)
        self.pids["parent"] = parent
        os.close(self._tell)
        os.close(self._go)

    def _say(self, who: str, pid: int | None) -> None:
        os.write(self._tell, f"{who} {pid}\n".encode())

    def _run(self) -> int:
        asker = 0
        with contextlib.ExitStack() as stack, contextlib.suppress(ipcm.IPCMError):
            # What is killed while it starts cannot start; that it leaves nothing is the point.
            bus = ipcm.spawn("route")
            stack.callback(bus.shutdown, 1.0)
            self._say("registrar", bus._record.keeper_pid)
            handle = ipcm.service("boss", bus=bus, wait=False, **self._boss())
            stack.callback(handle.close, 1.0)
            self._say("service", handle.child_pid)
            asker = os.fork()
            if asker == 0:
                self._ask(bus.info)
            self._say("client", asker)
            handle.ready(5)
            until_readable(self._go)
        if asker:
            with contextlib.suppress(ProcessLookupError):
                os.kill(asker, signal.SIGKILL)
            os.waitpid(asker, 0)
        # The registrar and the service are ours to wait for, whoever killed them.
        return len(
            Path("/proc/self/task").joinpath(str(os.getpid()), "children").read_text().split()
        )

    def _boss(self) -> dict[str, Any]:
        def work(service: Service, *_: Any) -> None:
            self._say("worker", ipcm.worker("w", signal.pause))

        return {"handle_request": double, "on_start": work}

    def _ask(self, info: str) -> None:
        with contextlib.suppress(BaseException):
            client = ipcm.connect("asker", info)
            while True:
                try:
                    client.request("boss", 1, 1)
                except (ipcm.NoSuchPeer, ipcm.PeerGone, ipcm.RequestTimeout):
                    client.poll(0.005)
        os._exit(0)

    def find(self, who: str) -> int:
        """The pid of one of them, as soon as there is one."""
        while who not in self.pids:
            assert until_readable(self._told), f"no {who}"
            chunk = os.read(self._told, 4096)
            assert chunk, f"no {who}"
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                name, _, pid = line.decode().partition(" ")
                self.pids[name] = int(pid)
        return self.pids[who]

    def finish(self) -> int:
        """Lets it come to its end; its exit code."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._end, b"x")
        code = exit_of(self.pids["parent"])
        for fd in (self._end, self._told):
            os.close(fd)
        return code

    def left(self) -> list[int]:
        """Who of its process group lives."""
        return members_of(group=self.pids["parent"])

    def kill(self) -> None:
        """Whoever is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pids["parent"], signal.SIGKILL)


def strike(victim: str, moment: float) -> None:
    program = Program()
    try:
        pid = program.find(victim)
        time.sleep(moment)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        code = program.finish()
        assert code == (-signal.SIGKILL if victim == "parent" else 0)
        with (
            ipcm.spawn("route") as bus,
            ipcm.service("boss", handle_request=double, bus=bus) as handle,
        ):
            assert handle.request(2) == 4
        wait_awake(lambda: not program.left(), ORPHANED)
    finally:
        program.kill()
    assert ipcm.buses() == []


def test_who_was_still_starting_then_joins_no_other_bus_that_has_the_name_since() -> None:
    told, tell = os.pipe()
    wait, go = os.pipe()

    def stay(_: Service) -> None:
        os.write(tell, f"{os.getpid()}\n".encode())
        until_readable(wait)

    parent = os.fork()
    if parent == 0:
        try:
            bus = ipcm.spawn("route")
            ipcm.service("boss", handle_request=double, post_fork=stay, bus=bus, wait=False)
            signal.pause()
        finally:
            os._exit(99)
    try:
        assert until_readable(told)
        orphan = int(os.read(told, 100))
        os.kill(parent, signal.SIGKILL)
        exit_of(parent)
        wait_until(lambda: not ipcm.buses())
        with ipcm.spawn("route") as bus, bus.connect("watcher") as watcher:
            watcher.keep_changes = True
            watcher.port.subscribe()
            os.write(go, b"x")
            wait_until(lambda: gone(orphan))
            watcher.poll()
            assert [change.what for change in watcher.changes] == []
    finally:
        for fd in (told, tell, wait, go):
            os.close(fd)


@pytest.mark.parametrize("length", [1, 150])
def test_registrars_that_a_service_has_started_leave_no_zombies_and_know_it(
    length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the path of the bus is too long for the address of a socket."""
    place = tmp_path / ("x" * length)
    place.mkdir(mode=0o700)
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(place))

    def others(pid: int) -> list[int]:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    with ipcm.spawn() as bus, ipcm.service("boss", handle_request=double, bus=bus) as handle:
        first, service = bus._record.keeper_pid, handle.service_pid
        assert first is not None
        assert service is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(others(service)) == 1)
        (second,) = others(service)
        os.kill(second, signal.SIGKILL)
        wait_until(lambda: len(others(service)) == 1 and others(service) != [second])
        assert handle.request(2, timeout=10) == 4


@pytest.mark.parametrize("moment", [0.0, 0.004, 0.03])
@pytest.mark.parametrize("victim", VICTIMS)
def test_any_one_at_some_moments(victim: str, moment: float) -> None:
    strike(victim, moment)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", VICTIMS)
def test_any_one_at_any_moment(victim: str) -> None:
    for step in range(0, 60, soaking(6, 1)):
        strike(victim, step * 0.001 if step < 40 else step * 0.005)
