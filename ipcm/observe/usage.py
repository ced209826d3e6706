"""CPU and memory of processes, from outside: what /proc says (proc(5))."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Final, NamedTuple

from ipcm._os.process import DEAD, read_stat

__all__ = ["Usage", "UsageMeter"]

_TICKS: Final = 10
"""In fewer, one more or less would say anything."""

_SLACK: Final = 1.0


class Usage(NamedTuple):
    """What a process takes.

    Attributes:
        cpu: percent of one CPU. rss: bytes of resident memory. None where not to be had.
    """

    cpu: float | None = None
    rss: int | None = None


class _Seen(NamedTuple):
    start: int
    when: float
    spent: float
    cpu: float | None = None


class UsageMeter:
    """Measures processes again and again: CPU is that since the time before.

    The first time it is the average over the life of the process, as ps(1) has it; asked again
    too soon for the ticks in which the kernel counts, it is what it was, and None at the beginning
    of a life. Nothing is asked of the process itself: one that is stuck is measured as well.
    """

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")

    def measure(self, pid: int, since: float) -> Usage:
        """What the process takes.

        Args:
            since: a time at which it lived, in seconds since the epoch: where it was not measured
                before, a process that started after is another one with the same pid.
        """
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        fields = None
        with contextlib.suppress(OSError):  # no descriptor is left
            fields = read_stat(pid)
        if fields is None or fields[0] in DEAD:
            self._seen.pop(pid, None)
            return Usage()
        spent = (int(fields[11]) + int(fields[12])) / self._ticks
        start, rss = int(fields[19]), int(fields[21]) * self._page
        started = start / self._ticks
        before = self._seen.get(pid)
        if before is None or before.start != start:
            # Asked once: a clock that is set later makes `since` another moment.
            if started > since - (time.time() - now) + _SLACK:
                self._seen.pop(pid, None)
                return Usage()
            before = self._seen[pid] = _Seen(start, started, 0.0)
        span = now - before.when
        if span * self._ticks < _TICKS:
            return Usage(before.cpu, rss)
        cpu = 100.0 * (spent - before.spent) / span
        self._seen[pid] = _Seen(start, now, spent, cpu)
        return Usage(cpu, rss)
