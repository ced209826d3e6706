"""A bus with a thousand peers that do nothing: nobody pays for them."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipcm
from ipcm import Bus
from ipcm._os.limits import raise_file_limit
from tests._os.processes import LIMIT
from tests.helpers import soaking, wait_until

EACH = 100


@contextlib.contextmanager
def crowd(bus: Bus, processes: int) -> Iterator[list[int]]:
    """Processes with a hundred peers each, who do nothing until a broadcast comes."""
    pids: list[int] = []
    read, write = os.pipe()
    try:
        for number in range(processes):
            pid = os.fork()
            if pid == 0:
                try:
                    raise_file_limit()
                    kept = [bus.connect(f"idle{number}-{n}") for n in range(EACH)]
                    os.write(write, b"x")
                    for client in kept:
                        assert [each.content for each in client.get_messages(None)] == ["all"]
                    os.write(write, b"y")
                    signal.pause()
                finally:
                    os._exit(1)
            pids.append(pid)
            assert os.read(read, 1) == b"x"
        yield pids
        os.close(write)
        write = -1
    finally:
        if write >= 0:
            os.close(write)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(read)


def ticks(pid: int) -> int:
    """Processor time of a process, in hundredths of a second (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_idle_peers() -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096:
        pytest.skip("the registrar has two descriptors a peer, and may not have that many")
    processes = soaking(3, 10)
    with ipcm.spawn() as bus, ipcm.service("echo", ipcm.EchoService, bus=bus) as handle:
        assert handle.request(1) == 1
        keeper, service = bus._record.keeper_pid, handle.service_pid
        assert keeper is not None
        assert service is not None
        before = descriptors(service)
        with bus.observe() as observer, crowd(bus, processes) as pids:
            count = processes * EACH
            idle = [name for name in bus.peers() if name.startswith("idle")]
            assert len(idle) == count
            wait_until(lambda: observer.poll() is not None and len(observer.presence) >= count)
            # The path of a message: no descriptor more, and nobody else wakes up for it.
            spent = [ticks(pid) for pid in (keeper, *pids)]
            for n in range(1000):
                assert handle.request(n) == n
            assert [ticks(pid) for pid in (keeper, *pids)] == spent
            assert descriptors(service) <= before + 2
            outcomes = handle.client.broadcast("all")
            assert len(outcomes) == count + 1
            assert all(outcomes.values())
            # A hundred of them die at once, and each of them is told.
            os.kill(pids[0], signal.SIGKILL)

            def told() -> bool:
                observer.poll()
                return not any(name.startswith("idle0-") for name in observer.presence)

            wait_until(told, limit=LIMIT)
            assert len([n for n in bus.peers() if n.startswith("idle")]) == count - EACH
            assert handle.request(2) == 2
            # The registrar dies: those who are idle stay known, and can be talked to.
            os.kill(keeper, signal.SIGKILL)
            os.waitpid(keeper, 0)
            assert handle.request(3, timeout=20) == 3
        wait_until(lambda: bus.peers() in ([handle.name, "echo"], ["echo", handle.name], ["echo"]))
        assert handle.request(4) == 4
    assert ipcm.buses() == []
