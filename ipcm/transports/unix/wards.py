"""Services that are to end with somebody: killed where they do not, by whoever watches both."""

from __future__ import annotations

import math
import os
import select
from typing import Final

from ipcm._os.process import ProcessIdentity, has_ended, open_pidfd

__all__ = ["Wards"]

_GRACE: Final = 1.5
"""Seconds that a ward may take to end by itself."""


class Wards:
    """Numbers of connections, and the processes that their peers are to end with.

    Attributes:
        soonest: when `overdue` has something to tell (monotonic seconds).
    """

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._pidfds: dict[ProcessIdentity, int] = {}
        self._wards: dict[ProcessIdentity, set[int]] = {}
        self._masters: dict[int, ProcessIdentity] = {}
        self._deadlines: dict[int, float] = {}
        self.soonest = math.inf

    def put(self, ward: int, master: ProcessIdentity | None, now: float) -> None:
        """From now on it is to end with this process, and no other."""
        self.drop(ward)
        if master is None:
            return
        try:
            if master not in self._pidfds:
                pidfd = open_pidfd(master)
                self._pidfds[master] = pidfd
                self._epoll.register(pidfd, select.EPOLLIN)
        except ProcessLookupError:
            self._count_down(ward, now)
            return
        self._masters[ward] = master
        self._wards.setdefault(master, set()).add(ward)

    def drop(self, ward: int) -> None:
        """A ward is gone."""
        if self._deadlines.pop(ward, None) is not None:
            self.soonest = min(self._deadlines.values(), default=math.inf)
        master = self._masters.pop(ward, None)
        if master is not None:
            self._wards[master].discard(ward)
            if not self._wards[master]:
                self._forget(master)

    def ended(self, fd: int, now: float) -> bool:
        """Whether this descriptor, of which there was an event, is a master's that has ended."""
        for master, pidfd in self._pidfds.items():
            if pidfd == fd and has_ended(pidfd):
                for ward in self._wards[master]:
                    del self._masters[ward]
                    self._count_down(ward, now)
                self._forget(master)
                return True
        return False

    def overdue(self, now: float) -> list[int]:
        """The wards whose time is over, each of them once."""
        late = [ward for ward, deadline in self._deadlines.items() if deadline <= now]
        for ward in late:
            self.drop(ward)
        return late

    def _count_down(self, ward: int, now: float) -> None:
        self._deadlines[ward] = now + _GRACE
        self.soonest = min(self.soonest, now + _GRACE)

    def _forget(self, master: ProcessIdentity) -> None:
        del self._wards[master]
        pidfd = self._pidfds.pop(master)
        self._epoll.unregister(pidfd)
        os.close(pidfd)
