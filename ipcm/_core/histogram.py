"""Latencies in a fixed number of buckets, about 19 % wide each."""

from __future__ import annotations

from bisect import bisect
from typing import Final

__all__ = ["EDGES", "LogHistogram"]

_PER_OCTAVE: Final = 4
_SMALLEST: Final = 1e-7
_BUCKETS: Final = 36 * _PER_OCTAVE  # up to 0.1 us * 2**36, some two hours
EDGES: Final = [_SMALLEST * 2 ** (place / _PER_OCTAVE) for place in range(1, _BUCKETS)]
"""Between the buckets of every histogram: `bisect(EDGES, seconds)` is where a span belongs."""


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
        if self._counts is None:
            return [0.0] * len(fractions)
        found: list[float] = []
        seen = 0
        wanted = iter(fractions)
        fraction = next(wanted, None)
        for index, count in enumerate(self._counts):
            seen += count
            while fraction is not None and seen >= fraction * self.count and count:
                found.append(float(_SMALLEST * 2 ** ((index + 0.5) / _PER_OCTAVE)))
                fraction = next(wanted, None)
        return found
