"""Workers die with their service, also when it is killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import weakref

from ipcm._os.linux import require_linux

__all__ = ["Lifeline"]


class Lifeline:
    """A pipe whose write end only the service holds.

    When it closes, however the service ended, the kernel sends SIGKILL to those who armed the
    read end (O_ASYNC with F_SETSIG, fcntl(2)). No thread, and nothing to poll.

    Every other forked child, of a plain os.fork too, closes its copy of the write end.

    Raises:
        UnsupportedError: not on this platform.
    """

    def __init__(self) -> None:
        require_linux("F_SETSIG")
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        _lifelines.add(self)

    def arm(self) -> None:
        """In a worker: from now on it lives only as long as its service."""
        self._close_write()
        # Owner and signal belong to the open file, which a fork shares: each worker needs one
        # of its own, or only the last one would be told.
        inherited = self._read
        self._read = os.open(
            f"/proc/self/fd/{inherited}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )
        os.close(inherited)
        fcntl.fcntl(self._read, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self._read, fcntl.F_SETSIG, signal.SIGKILL)
        # A worker that becomes another program by exec is still a worker.
        os.set_inheritable(self._read, True)
        flags = fcntl.fcntl(self._read, fcntl.F_GETFL)
        fcntl.fcntl(self._read, fcntl.F_SETFL, flags | os.O_ASYNC)
        poll = select.poll()
        poll.register(self._read, 0)
        if poll.poll(0):  # it ended before this was armed
            os.kill(os.getpid(), signal.SIGKILL)

    def close(self) -> None:
        """In the service: workers that live now are killed."""
        self._close_write()
        if self._read >= 0:
            os.close(self._read)
            self._read = -1

    def drop(self) -> None:
        """In any other child: lets go of both ends."""
        self.close()

    def _close_write(self) -> None:
        if self._write >= 0:
            with contextlib.suppress(OSError):
                os.close(self._write)
            self._write = -1


_lifelines: weakref.WeakSet[Lifeline] = weakref.WeakSet()


def _in_child() -> None:
    for lifeline in list(_lifelines):
        lifeline._close_write()


os.register_at_fork(after_in_child=_in_child)
