"""Waiting on descriptors (seed: IPC::Manager::Role::Service::Select)."""

from __future__ import annotations

import errno
import select
from typing import Any, Protocol, TypeAlias

from ipcm._core.patience import milliseconds

__all__ = ["HasFileno", "SelectRole", "Selectable"]


class HasFileno(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int: ...


Selectable: TypeAlias = int | HasFileno


class SelectRole:
    """Sleeps until one of `select_handles()` is readable."""

    _ipcm_poll: tuple[list[int], select.poll] | None = None

    def select_handles(self) -> list[Selectable]:
        """What wakes the loop. Override to add descriptors of your own.

        Returns:
            Descriptors, or objects that have one.
        """
        return []

    def select(self, timeout: float | None) -> list[int]:
        """Sleeps.

        Args:
            timeout: seconds; None for ever.

        Returns:
            The descriptors that are readable (or hung up).

        Raises:
            OSError: one of them is closed.
        """
        poll = self._ipcm_poller(self._ipcm_descriptors())
        ready = []
        for fd, event in poll.poll(milliseconds(timeout)):
            if event & select.POLLNVAL:  # it would wake the loop for ever
                raise OSError(errno.EBADF, f"descriptor {fd} of select_handles() is closed")
            ready.append(fd)
        return ready

    def _ipcm_descriptors(self) -> list[int]:
        return [h if isinstance(h, int) else h.fileno() for h in self.select_handles()]

    def _ipcm_poller(self, fds: list[int]) -> Any:
        if self._ipcm_poll is not None and self._ipcm_poll[0] == fds:
            return self._ipcm_poll[1]
        poll = select.poll()
        for fd in fds:
            poll.register(fd, select.POLLIN)
        self._ipcm_poll = (fds, poll)
        return poll
