"""Figures of the last seconds: the largest of some values, and how many events came per second."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["SLOTS", "Peak", "RateMeter"]

SLOTS: Final = 8
"""Parts that a second is counted in; a power of two, so that a time in them is exact."""


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
