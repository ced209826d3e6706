"""Which process is meant, and whether it lives."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from typing import Final, NamedTuple

from ipcm._core.patience import milliseconds
from ipcm._os.linux import require_linux, require_proc

__all__ = [
    "DEAD",
    "ProcessIdentity",
    "has_ended",
    "identify",
    "kill",
    "open_pidfd",
    "read_stat",
    "send_signal",
    "thread_count",
    "wait_dead",
]

DEAD: Final = (b"Z", b"X")
"""The states of a process that has ended, the first field of `read_stat`."""


class ProcessIdentity(NamedTuple):
    """A process, and no later one with the same pid.

    Attributes:
        start: clock ticks from boot to its start: field 22 of /proc/PID/stat, proc(5).
    """

    pid: int
    start: int

    def alive(self) -> bool:
        """False once it is gone or a zombie, or its pid is another's."""
        return _start_of(self.pid) == self.start


def read_stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat, from the third on: field N of proc(5) is at N - 3.

    Returns:
        None where there is no such process.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may contain anything, also a parenthesis.
    return text[text.rindex(b")") + 2 :].split()


def _start_of(pid: int) -> int | None:
    """When a living process started; None where it is gone, or a zombie."""
    fields = read_stat(pid)
    return None if fields is None or fields[0] in DEAD else int(fields[19])


def identify(pid: int | None = None) -> ProcessIdentity:
    """Tells a process (None: this one) from any later one.

    Raises:
        ProcessLookupError: it is gone, or a zombie.
        UnsupportedError: not on this platform.
    """
    what = "telling processes apart by their start time"
    require_linux(what)
    pid = os.getpid() if pid is None else pid
    start = _start_of(pid)
    if start is None:
        require_proc(what)
        raise ProcessLookupError(f"there is no process {pid}")
    return ProcessIdentity(pid, start)


def open_pidfd(who: ProcessIdentity) -> int:
    """A descriptor that becomes readable when the process ends (pidfd_open(2)).

    Opened first and compared then: the other way round the pid may change hands in between.

    Raises:
        ProcessLookupError: it is dead.
        UnsupportedError: not on this platform.
    """
    require_linux("pidfd_open(2)")
    try:
        pidfd = os.pidfd_open(who.pid)
    except OSError as error:
        # The id of a thread, which /proc/PID/stat takes, too: ENOENT, before Linux 6.9 EINVAL.
        if error.errno in (errno.ENOENT, errno.EINVAL):
            raise ProcessLookupError(f"there is no process {who.pid}") from None
        raise
    try:
        if not who.alive():
            raise ProcessLookupError(f"process {who.pid} is gone")
    except BaseException:
        os.close(pidfd)
        raise
    return pidfd


def has_ended(pidfd: int) -> bool:
    """Whether the process of such a descriptor has ended.

    Who is told so by a list of events asks again: where descriptors are closed and opened while
    the list is worked through, an event may have been of what had this number before.
    """
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def kill(pidfd: int) -> None:
    """Kills the process of such a descriptor; needs no other one.

    Raises:
        ProcessLookupError: it has been waited for.
    """
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def send_signal(who: ProcessIdentity, number: int) -> None:
    """Signals this process and no other (pidfd_send_signal(2)).

    Raises:
        ProcessLookupError: it is dead.
    """
    pidfd = open_pidfd(who)
    try:
        signal.pidfd_send_signal(pidfd, number)
    finally:
        os.close(pidfd)


def wait_dead(who: list[ProcessIdentity], timeout: float) -> list[ProcessIdentity]:
    """Waits until all are dead, at most `timeout` seconds.

    Returns:
        Those that still live.
    """
    deadline = time.monotonic() + timeout
    with contextlib.ExitStack() as stack:
        waiting: dict[int, ProcessIdentity] = {}
        poll = select.poll()
        for each in who:
            with contextlib.suppress(ProcessLookupError):
                pidfd = open_pidfd(each)
                stack.callback(os.close, pidfd)
                waiting[pidfd] = each
                poll.register(pidfd, select.POLLIN)
        while waiting and (left := deadline - time.monotonic()) > 0:
            for pidfd, _ in poll.poll(milliseconds(left)):
                del waiting[pidfd]
                poll.unregister(pidfd)
        return list(waiting.values())


def thread_count() -> int:
    """Threads of this process, those of C libraries too.

    Raises:
        UnsupportedError: not on this platform.
    """
    require_linux("/proc/self/task")
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:
        require_proc("a look at the threads of this process")
        raise
