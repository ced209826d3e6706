"""A `post_fork_hook` that forks again, and lets the grandchild be the service."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

import ipcm
from ipcm import ServiceDied
from tests.helpers import gone, wait_until
from tests.role.consumers import Minimal


class Daemon(Minimal):
    def post_fork_hook(self) -> None:
        os.setsid()
        if os.fork():
            os._exit(0)

    def handle_request(self, request: Any, message: Any) -> Any:
        return {"pid": os.getpid(), "set": self.pid, "session": os.getsid(0)}


def test_the_grandchild_is_the_service() -> None:
    with ipcm.service("daemon", Daemon) as handle:
        told = handle.request(0)
        assert told == {
            "pid": handle.service_pid,
            "set": handle.service_pid,
            "session": handle.child_pid,
        }
        assert handle.service_pid != handle.child_pid
        assert handle.client.peer_pid("daemon") == handle.service_pid
        wait_until(lambda: gone(handle.child_pid))  # it may come to its own end after that
        pid = handle.service_pid
    assert gone(pid)


def test_its_end_is_told() -> None:
    with ipcm.service("daemon", Daemon) as handle:
        handle.terminate(7)
        assert handle.wait(5) == 7


def test_its_death_is_told() -> None:
    with ipcm.service("daemon", Daemon) as handle:
        os.kill(handle.service_pid, signal.SIGKILL)
        with pytest.raises(ServiceDied, match="daemon"):
            handle.wait(5)


@pytest.mark.parametrize("code", [0, 3])
def test_nobody_is_left_to_be_the_service(code: int) -> None:
    class Leaving(Minimal):
        def post_fork_hook(self) -> None:
            if os.fork() == 0:
                os._exit(0)
            os._exit(code)

    with pytest.raises(ipcm.ServiceStartError, match="before it was ready"):
        ipcm.service("daemon", Leaving, timeout=10)


def test_the_child_of_a_nested_daemon_is_reaped_by_its_starter() -> None:
    class Outer(Minimal):
        exits: list[int]

        def run_on_start(self) -> None:
            self.exits = []
            self.inner = ipcm.service("inner", Daemon)

        def run_on_pid(self, pid: int, exit: int) -> None:
            self.exits.append(exit)

        def handle_request(self, request: Any, message: Any) -> Any:
            return [self.exits, self.inner.child_pid != self.inner.pid]

    with ipcm.service("outer", Outer) as handle:
        wait_until(lambda: handle.request(0) == [[0], True])
