"""Latencies in a fixed number of buckets, about 19 % wide each."""

from __future__ import annotations

import math
from bisect import bisect
from typing import Final

__all__ = ["EDGES", "SLOTS", "LogHistogram", "Peak", "RateMeter"]

_PER_OCTAVE: Final = 4
_SMALLEST: Final = 1e-7
_BUCKETS: Final = 36 * _PER_OCTAVE  # up to 0.1 us * 2**36, some two hours
EDGES: Final = [_SMALLEST * 2 ** (place / _PER_OCTAVE) for place in range(1, _BUCKETS)]
"""Between the buckets of every histogram: `bisect(EDGES, seconds)` is where a span belongs."""
SLOTS: Final = 8
"""Of a second; a power of two, for times are exact in it."""


class LogHistogram:
    """Counts spans from 0.1 us to two hours; what lies outside goes to the first or last bucket.

    Percentiles are the geometric middle of their bucket: at most 9.1 % off.
    """

    __slots__ = ("_counts", "count")

    def __init__(self) -> None:
        self._counts: list[int] | None = None
        self.count = 0

    def add(self, seconds: float) -> None:
        """Counts one span."""
        self.add_to(bisect(EDGES, seconds))

    def add_to(self, index: int, count: int = 1) -> None:
        """Counts spans, given where they belong."""
        if self._counts is None:
            self._counts = [0] * _BUCKETS
        self._counts[index] += count
        self.count += count

    def merge(self, other: LogHistogram) -> None:
        """Counts all that the other has counted."""
        if other._counts is not None:
            ours = self._counts or [0] * _BUCKETS
            self._counts = [a + b for a, b in zip(ours, other._counts, strict=True)]
            self.count += other.count

    def percentiles(self, *fractions: float) -> list[float]:
        """The spans, in seconds, that these fractions (ascending, 0..1) of all stay under."""
        found: list[float] = []
        if not self._counts or not self.count:
            return [0.0] * len(fractions)
        seen = 0
        wanted = iter(fractions)
        fraction = next(wanted, None)
        for index, count in enumerate(self._counts):
            seen += count
            while fraction is not None and seen >= fraction * self.count and count:
                found.append(float(_SMALLEST * 2 ** ((index + 0.5) / _PER_OCTAVE)))
                fraction = next(wanted, None)
        return found


class Peak:
    """The largest value of the last `window` seconds at least, and twice that at most."""

    __slots__ = ("_before", "_now", "_turned", "_window")

    def __init__(self, window: float = 10.0) -> None:
        self._window = window
        self._before = 0.0
        self._now = 0.0
        self._turned = -math.inf

    def add(self, now: float, value: float) -> None:
        """Takes a value in, at `now` (seconds, monotonic)."""
        if now - self._turned >= self._window:
            self._turn(now)
        if value > self._now:
            self._now = value

    def value(self, now: float) -> float:
        """The largest one."""
        self._turn(now)
        return max(self._before, self._now)

    def _turn(self, now: float) -> None:
        passed = now - self._turned
        if passed >= self._window:
            self._before = self._now if passed < 2 * self._window else 0.0
            self._now = 0.0
            self._turned = now


class RateMeter:
    """Events per second over the last `window` seconds, which are counted in eighths.

    Whole ones would halve the rate of the first two, for the first is seldom a whole one.
    """

    __slots__ = ("_counts", "_slot", "_started", "_window")

    def __init__(self, window: int = 10) -> None:
        self._window = window
        self._counts: list[int] = [0] * (window * SLOTS + 1)
        self._slot: int | None = None
        self._started = 0.0

    def add(self, now: float, count: int = 1) -> None:
        """Counts events at `now` (seconds, monotonic)."""
        slot = int(now * SLOTS)
        if slot != self._slot:
            self._move(now)
        self._counts[slot % len(self._counts)] += count

    def rate(self, now: float) -> float:
        """The rate: over the window, or over the time since the first event if that is less."""
        if self._slot is None:
            return 0.0
        self._move(now)
        window = self._window + now - int(now * SLOTS) / SLOTS
        return sum(self._counts) / min(max(now - self._started, 1.0), window)

    def _move(self, now: float) -> None:
        slot = int(now * SLOTS)
        if self._slot is None:
            self._started = now
            self._slot = slot
        size = len(self._counts)
        if slot - self._slot > size:
            self._counts = [0] * size
        else:
            for passed in range(self._slot + 1, slot + 1):
                self._counts[passed % size] = 0
        self._slot = slot
