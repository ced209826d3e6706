"""Time that stands still until somebody moves it."""

from __future__ import annotations

from ipcm.errors import UsageError

__all__ = ["VirtualClock"]


class VirtualClock:
    """A `Clock` for tests.

    Args:
        start: what `monotonic` tells at first. epoch: what `time` tells then.
    """

    def __init__(self, start: float = 0.0, epoch: float = 1_000_000_000.0) -> None:
        self._now = start
        self._offset = epoch - start

    def __repr__(self) -> str:
        return f"<VirtualClock {self._now:g} s>"

    def monotonic(self) -> float:
        """Seconds; only `advance` and `advance_to` change it."""
        return self._now

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._now + self._offset

    def advance(self, seconds: float) -> None:
        """Moves it on; raises UsageError where that would be back."""
        self.advance_to(self._now + seconds)

    def advance_to(self, moment: float) -> None:
        """Moves it to a moment of `monotonic`; raises UsageError where that is over."""
        if not moment >= self._now:
            raise UsageError(f"time does not go back, from {self._now:g} to {moment:g}")
        self._now = moment
