"""Peers that live, and that a new registrar does not know yet: each registers at its next call.

A client that is idle or stopped makes none for as long as it likes. Its end is watched here
meanwhile, so that nobody takes it for dead, nor for living when it has died.
"""

from __future__ import annotations

import os
import select

from ipcm._os.process import has_ended, identify, open_pidfd
from ipcm.transports.unix.route import Route

__all__ = ["Absent"]


class Absent:
    """Watches processes by their peers' names and incarnations."""

    def __init__(self, route: Route, epoll: select.epoll) -> None:
        self._route = route
        self._epoll = epoll
        self._lives: dict[int, tuple[str, str]] = {}

    def lives(self, name: str, incarnation: str) -> bool:
        """Whether this life of a peer listens still; its end is watched from now on."""
        if self.knows(name, incarnation):
            return True
        pid = self._listener(name, incarnation)
        if not pid:
            return False
        try:
            pidfd = open_pidfd(identify(pid))
        except ProcessLookupError:
            return False
        self._epoll.register(pidfd, select.EPOLLIN)
        self._lives[pidfd] = (name, incarnation)
        return True

    def knows(self, name: str, incarnation: str) -> bool:
        """Whether the end of this life is watched."""
        return (name, incarnation) in self._lives.values()

    def has_left(self, name: str, incarnation: str) -> bool:
        """Whether one whose end is watched listens no more, though its process may live on."""
        return self.knows(name, incarnation) and self._listener(name, incarnation) is None

    def _listener(self, name: str, incarnation: str) -> int | None:
        return self._route.listener(self._route.peer_address(name, incarnation))

    def back(self, name: str, incarnation: str) -> None:
        """The registrar knows it again."""
        for pidfd, life in list(self._lives.items()):
            if life == (name, incarnation):
                self.ended(pidfd)

    def has_ended(self, pidfd: int) -> tuple[str, str] | None:
        """As `ended`, but looks first: an event may have been of what had this number before."""
        return self.ended(pidfd) if pidfd in self._lives and has_ended(pidfd) else None

    def ended(self, pidfd: int) -> tuple[str, str] | None:
        """Whose process has ended, if this is the descriptor of one; it is not watched any more."""
        life = self._lives.pop(pidfd, None)
        if life is not None:
            self._epoll.unregister(pidfd)
            os.close(pidfd)
        return life

    def close(self) -> None:
        """Closes the descriptors, and nothing else."""
        for pidfd in self._lives:
            os.close(pidfd)
        self._lives.clear()
