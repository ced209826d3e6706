"""Which part of the traffic is looked at: the moving end of it, or a moment held still."""

from __future__ import annotations

from collections.abc import Sequence

from ipcm_tui.models.traffic import Row, TrafficLog

__all__ = ["Window"]


class Window:
    """Follows a log, or holds its rows as they were when `pause` was called.

    Held rows stay readable whatever comes in: the log may forget them, the window does not.
    What happens to a held row is still seen, as when its response comes.
    """

    def __init__(self, log: TrafficLog) -> None:
        self.log = log
        self._held: list[Row] | None = None
        self._added = 0
        self._dropped = 0

    @property
    def paused(self) -> bool:
        """Whether rows are held."""
        return self._held is not None

    @property
    def rows(self) -> Sequence[Row]:
        """The rows to show, newest last."""
        return self.log.rows if self._held is None else self._held

    @property
    def new(self) -> int:
        """Rows that came since the pause."""
        return self.log.added - self._added if self.paused else 0

    @property
    def dropped(self) -> int:
        """Events that are missing: since the pause, or in all while following."""
        return self.log.dropped - (self._dropped if self.paused else 0)

    def pause(self) -> None:
        """Holds the rows of this moment."""
        if self._held is None:
            self._held = list(self.log.rows)
            self._added = self.log.added
            self._dropped = self.log.dropped

    def follow(self) -> None:
        """Lets go."""
        self._held = None

    def status(self) -> str:
        """In words: `following`, or `paused: +312 new, 0 dropped`."""
        if self.paused:
            return f"paused: +{self.new:,} new, {self.dropped:,} dropped"
        return f"following, {self.dropped:,} dropped" if self.dropped else "following"
