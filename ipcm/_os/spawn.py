"""Helper processes of our own, and the reaping of single children."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable
from pathlib import Path

from ipcm._core.patience import milliseconds
from ipcm._os.fork import close_in_children
from ipcm._os.stdio import open_null

__all__ = [
    "OwnedFd",
    "anonymous_file",
    "close_others",
    "end_helper",
    "failed_child",
    "open_child",
    "reap",
]


def close_others(keep: Iterable[int], log: Path) -> None:
    """Closes all inherited descriptors, so that nobody waits for us to close his.

    Args:
        keep: those that stay. log: file that stderr goes to; stdin and stdout go nowhere.
    """
    null = open_null()
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd, source in ((0, null), (1, null), (2, out)):
        os.dup2(source, fd)
    kept = {0, 1, 2, *keep}
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself
                os.close(fd)


def open_child(pid: int) -> int:
    """A pidfd of our own child that has not been waited for: its pid cannot be another's."""
    return os.pidfd_open(pid)


def failed_child(pidfd: int) -> bool:
    """Whether our own child has ended, and not with 0; it can still be waited for."""
    ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return ended is not None and ended.si_status != 0


def anonymous_file(name: str, content: bytes) -> int:
    """A file without a place in any directory (memfd_create(2)), to be read from its beginning.

    Returns:
        Its descriptor, not inherited by exec; `name` is what /proc calls it.
    """
    fd = os.memfd_create(name)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


class OwnedFd:
    """A descriptor that no child of ours inherits."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        close_in_children(self)

    def forget_after_fork(self) -> None:
        """Closes it."""
        os.close(self.fd)


def reap(pid: int, timeout: float) -> int | None:
    """Waits for one child.

    Returns:
        Its exit as subprocess gives it (code, or -signal); None where it still runs, or where
        somebody else has waited for it.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(milliseconds(timeout)):
            return None
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    finally:
        os.close(pidfd)
    return os.waitstatus_to_exitcode(status) if done else None


def end_helper(pid: int) -> None:
    """Kills a helper that was just started, and waits for it; needs no descriptor."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # the launcher waits for those that it forked
        os.waitpid(pid, 0)
