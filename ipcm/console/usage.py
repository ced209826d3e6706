"""CPU and memory of processes, from outside."""

from __future__ import annotations

import contextlib
import time
from typing import Any, NamedTuple

__all__ = ["Usage", "UsageMeter"]


class Usage(NamedTuple):
    """What a process takes.

    Attributes:
        cpu: percent of one CPU. rss: bytes of resident memory. None where not to be had.
    """

    cpu: float | None = None
    rss: int | None = None


class UsageMeter:
    """Measures processes again and again: CPU is that since the time before.

    The first time it is the average over the life of the process, as ps(1) has it.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Any, float, float]] = {}

    def measure(self, pid: int, since: float) -> Usage:
        """What the process takes.

        Args:
            since: a time at which it lived, in seconds since the epoch: a process that
                started after is another one with the same pid.
        """
        import psutil  # type: ignore[import-untyped,unused-ignore]

        with contextlib.suppress(psutil.Error):
            seen = self._seen.get(pid)
            process = seen[0] if seen else psutil.Process(pid)
            started = process.create_time()
            if not process.is_running() or started > since + 1.0:
                self._seen.pop(pid, None)
                return Usage()
            with process.oneshot():
                times = process.cpu_times()
                rss = process.memory_info().rss
            now, spent = time.time(), times.user + times.system
            before, spent_before = seen[1:] if seen else (started, 0.0)
            self._seen[pid] = (process, now, spent)
            span = now - before
            return Usage(100.0 * (spent - spent_before) / span if span > 0.01 else None, rss)
        self._seen.pop(pid, None)
        return Usage()
