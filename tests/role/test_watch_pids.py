"""A service ends with the processes that it watches, and with no others."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import ipcm
from ipcm._os.process import ProcessIdentity
from tests._os.processes import sleeping
from tests.helpers import wait_until
from tests.role.consumers import Minimal, Telling, pipe_text

_TRIES = 10


@contextlib.contextmanager
def stranger() -> Iterator[int]:
    """A process that is nobody's child here."""
    read, write = os.pipe()
    middle = os.fork()
    if middle == 0:
        if (pid := os.fork()) == 0:
            with contextlib.suppress(BaseException):
                os.closerange(0, 1000)
                signal.pause()
            os._exit(0)
        os.write(write, str(pid).encode())
        os._exit(0)
    os.waitpid(middle, 0)
    os.close(write)
    pid = int(os.read(read, 20))
    os.close(read)
    try:
        yield pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Sleeping(Telling):
    """Has no turn but of what happens: it does not look at processes now and then."""

    cycle = interval = 3600


def seconds_to_end(pid: int) -> float:
    """From the kill of a watched process to the service's clean-up."""
    read, write = os.pipe()
    try:
        with ipcm.service(
            "watcher",
            Sleeping,
            watch_pids=[pid],
            on_cleanup=lambda service: os.write(write, str(time.monotonic()).encode()) and None,
        ) as handle:
            assert handle.request(0) == []
            killed = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            assert handle.wait(5) == 0
    finally:
        ended = pipe_text(read, write)
    return float(ended) - killed


def ends_at_once(watched: Callable[[], AbstractContextManager[int]]) -> bool:
    """Whether a service can end within 100 ms; a busy machine may take longer now and then."""
    for _ in range(_TRIES):
        with watched() as pid:
            if seconds_to_end(pid) < 0.1:
                return True
    return False


def test_a_child_that_becomes_a_zombie() -> None:
    assert ends_at_once(sleeping)


def test_a_process_that_is_no_child() -> None:
    assert ends_at_once(stranger)


def test_one_that_is_a_zombie_already() -> None:
    with sleeping() as pid:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with ipcm.service("watcher", Minimal, watch_pids=[pid]) as handle:
            assert handle.wait(5) == 0


def test_a_pid_that_is_another_s_by_now() -> None:
    class Late(Minimal):
        def client(self) -> ipcm.Client:
            (pid,) = self.watch_pids
            # As if it had been another process when the service was asked for.
            self._ipcm_state.identities[pid] = ProcessIdentity(pid, 1)
            return super().client()

    with sleeping() as pid, ipcm.service("watcher", Late, watch_pids=[pid]) as handle:
        assert handle.wait(5) == 0


def test_the_end_of_one_of_several_is_enough_and_is_in_the_activity() -> None:
    read, write = os.pipe()

    def look(service: Any, activity: ipcm.Activity) -> None:
        if activity.pid_watch:
            os.write(write, b"seen")

    try:
        with (
            sleeping() as one,
            sleeping() as other,
            ipcm.service(
                "watcher", Telling, watch_pids=[one, other, os.getpid()], on_all=look
            ) as handle,
        ):
            assert sorted(handle.snapshot().watched) == sorted([one, other, os.getpid()])
            os.kill(other, signal.SIGKILL)
            assert handle.wait(5) == 0
    finally:
        assert pipe_text(read, write) == "seen"


def test_what_is_watched_may_change() -> None:
    class Changing(Minimal):
        def handle_request(self, request: Any, message: Any) -> Any:
            before, self.watch_pids = self.watch_pids, request.payload
            return before

    with (
        sleeping() as one,
        sleeping() as other,
        ipcm.service("watcher", Changing, watch_pids=[one]) as handle,
    ):
        assert handle.request([other]) == [one]
        wait_until(lambda: handle.snapshot().watched == [other])
        os.kill(one, signal.SIGKILL)
        assert handle.request([other]) == [other]
        os.kill(other, signal.SIGKILL)
        assert handle.wait(5) == 0


def test_by_default_the_starter() -> None:
    with ipcm.service("watcher", Minimal) as handle:
        assert handle.snapshot().watched == [os.getpid()]


def test_or_nobody() -> None:
    with ipcm.service("watcher", Minimal, watch_pids=None) as handle:
        assert handle.snapshot().watched == []
