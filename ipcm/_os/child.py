"""One child of this process: whether it has ended, and how."""

from __future__ import annotations

import os
import select

from ipcm._core.patience import milliseconds

__all__ = ["failed_child", "open_child", "reap"]


def open_child(pid: int) -> int:
    """A pidfd of our own child that has not been waited for: its pid cannot be another's."""
    return os.pidfd_open(pid)


def failed_child(pidfd: int) -> bool:
    """Whether our own child has ended, and not with 0; it can still be waited for."""
    ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return ended is not None and ended.si_status != 0


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
