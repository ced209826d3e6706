"""Time as a parameter: the system's, or one that a test moves."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Tells the time, in seconds."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def time(self) -> float:
        """Seconds since the epoch."""
        ...
