"""Figures of the last minute, one a second, in rings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["HISTORY", "RateHistory", "SpanHistory", "p95"]

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
            rate = max(count - self._count, 0) / span
            # Where it was asked less often, or did not answer, each second had its share.
            self.values.extend([rate] * min(max(round(span), 1), HISTORY))
        self._uptime, self._count = uptime, count

    @property
    def mean(self) -> float | None:
        """Over the ring; None where it is empty."""
        return sum(self.values) / len(self.values) if self.values else None


class SpanHistory:
    """What is worth keeping of the spans that were seen in each second, 0 where none was.

    Of a second's spans only the first 256 are looked at.

    Args:
        summary: one span for all of a second, which are some.
    """

    __slots__ = ("_samples", "_second", "_summary", "values")

    def __init__(self, summary: Callable[[list[float]], float]) -> None:
        self._summary = summary
        self.values: deque[float] = deque(maxlen=HISTORY)
        self._samples: list[float] = []
        self._second: int | None = None

    def add(self, when: float, span: float) -> None:
        """Something took `span` seconds, and was seen at `when` (seconds since the epoch)."""
        self.turn(when)
        if len(self._samples) < _MOST_SAMPLES:
            self._samples.append(span)

    def turn(self, now: float) -> None:
        """Closes the seconds that are over."""
        second = int(now)
        if self._second is None:
            self._second = second
        passed = second - self._second
        if passed <= 0:
            return  # also a clock that was set back
        self.values.append(self._summary(self._samples) if self._samples else 0.0)
        self.values.extend([0.0] * min(passed - 1, HISTORY))
        self._samples.clear()
        self._second = second


def p95(samples: list[float]) -> float:
    """The 95th percentile; of one sample, itself."""
    return sorted(samples)[min(int(len(samples) * 0.95), len(samples) - 1)]
