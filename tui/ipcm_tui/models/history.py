"""Figures of the last minute, one a second, in rings."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["HISTORY", "LatencyHistory", "RateHistory"]

HISTORY: Final = 60
"""Seconds that are kept."""

_MOST_SAMPLES: Final = 256


class RateHistory:
    """Requests answered in each second, as far as snapshots tell."""

    __slots__ = ("_count", "_uptime", "values")

    def __init__(self) -> None:
        self.values: deque[float] = deque(maxlen=HISTORY)
        self._uptime = -1.0
        self._count = 0

    def add(self, uptime: float, count: int) -> None:
        """`count` requests were answered in the first `uptime` seconds of the service."""
        span = uptime - self._uptime
        if self._uptime >= 0:
            if span < 0.9:
                return  # twice a second is too often for a figure per second
            self.values.append(max(count - self._count, 0) / span)
        self._uptime, self._count = uptime, count

    @property
    def mean(self) -> float | None:
        """Over the ring; None where it is empty."""
        return sum(self.values) / len(self.values) if self.values else None


class LatencyHistory:
    """The 95th percentile of the latencies that were seen in each second, 0 where none was.

    Of a second's latencies only the first 256 are looked at.
    """

    __slots__ = ("_samples", "_second", "values")

    def __init__(self) -> None:
        self.values: deque[float] = deque(maxlen=HISTORY)
        self._samples: list[float] = []
        self._second: int | None = None

    def add(self, when: float, latency: float) -> None:
        """A request was answered at `when` (seconds since the epoch) after `latency` seconds."""
        self.turn(when)
        if len(self._samples) < _MOST_SAMPLES:
            self._samples.append(latency)

    def turn(self, now: float) -> None:
        """Closes the seconds that are over."""
        second = int(now)
        if self._second is None:
            self._second = second
        passed = second - self._second
        if passed <= 0:
            return  # also a clock that was set back
        self.values.append(_p95(self._samples))
        self.values.extend([0.0] * min(passed - 1, HISTORY))
        self._samples.clear()
        self._second = second


def _p95(samples: list[float]) -> float:
    if not samples:
        return 0.0
    return sorted(samples)[min(int(len(samples) * 0.95), len(samples) - 1)]
