"""CPU and memory of processes, from outside: by /proc, and by psutil where there is none."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from ipcm.observe import usage
from ipcm.observe.usage import Usage

__all__ = ["Usage", "UsageMeter"]


class UsageMeter(usage.UsageMeter):
    """See `ipcm.observe.usage.UsageMeter`; this one works on every platform."""

    def __init__(self) -> None:
        super().__init__()
        self._elsewhere = not os.path.isdir("/proc/self")
        self._processes: dict[int, tuple[Any, float, float]] = {}

    def measure(self, pid: int, since: float) -> Usage:
        """See `ipcm.observe.usage.UsageMeter.measure`."""
        return self._ask_psutil(pid, since) if self._elsewhere else super().measure(pid, since)

    def _ask_psutil(self, pid: int, since: float) -> Usage:
        import psutil  # type: ignore[import-untyped,unused-ignore]

        with contextlib.suppress(psutil.Error):
            seen = self._processes.get(pid)
            process = seen[0] if seen else psutil.Process(pid)
            started = process.create_time()
            if not process.is_running() or (seen is None and started > since + 1.0):
                self._processes.pop(pid, None)
                return Usage()
            with process.oneshot():
                times = process.cpu_times()
                rss = process.memory_info().rss
            now, spent = time.time(), times.user + times.system
            before, spent_before = seen[1:] if seen else (started, 0.0)
            self._processes[pid] = (process, now, spent)
            span = now - before
            return Usage(100.0 * (spent - spent_before) / span if span > 0.01 else None, rss)
        self._processes.pop(pid, None)
        return Usage()
