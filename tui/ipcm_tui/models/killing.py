"""TERM, some grace, KILL: what is due when."""

from __future__ import annotations

import dataclasses
from typing import Final, Literal, TypeAlias

__all__ = ["GRACE", "Countdown", "Phase"]

Phase: TypeAlias = Literal["waiting", "due", "done", "cancelled"]

GRACE: Final = 5.0
"""Seconds between TERM and KILL."""


@dataclasses.dataclass(slots=True)
class Countdown:
    """Starts when TERM is sent.

    Attributes:
        started: monotonic seconds. left: how many have not ended yet.
    """

    started: float
    left: int
    grace: float = GRACE
    cancelled: bool = False
    struck: bool = False

    def remaining(self, now: float) -> float:
        """Seconds until KILL."""
        return max(self.started + self.grace - now, 0.0)

    def phase(self, now: float) -> Phase:
        """`waiting` for their ends; KILL is `due`, once; `done`: nobody is left, or it was sent."""
        if self.left <= 0 or self.struck:
            return "done"
        if self.cancelled:
            return "cancelled"
        return "due" if self.remaining(now) <= 0 else "waiting"

    def bar(self, now: float, width: int) -> str:
        """How much of the grace is left, `width` columns."""
        full = round(self.remaining(now) / self.grace * width) if self.grace > 0 else 0
        return "█" * full + "░" * (width - full)
