"""Which part of the traffic is looked at: the moving end of it, or a moment held still."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from ipcm_tui.models.traffic import Row, TrafficLog, put_in_order

__all__ = ["Window", "find_row", "row_mentions"]


class Window:
    """Follows a log, or holds its rows as they were when `pause` was called.

    Held rows stay readable whatever comes in: the log may forget them, the window does not.
    What happens to a held row is still seen, as when its response comes.

    Args:
        wanted: shows only the rows for which it is true; asked once for each row, when it comes.
    """

    def __init__(self, log: TrafficLog, wanted: Callable[[Row], bool] | None = None) -> None:
        self.log = log
        self._wanted = wanted
        self._chosen: deque[Row] = deque(maxlen=log.capacity)
        self._pulled = 0
        self._counted = 0
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
        return self._moving() if self._held is None else self._held

    @property
    def new(self) -> int:
        """Rows that came since the pause."""
        return self._came() - self._added if self.paused else 0

    @property
    def dropped(self) -> int:
        """Events that are missing: since the pause, or in all while following."""
        return self.log.dropped - (self._dropped if self.paused else 0)

    def pause(self) -> None:
        """Holds the rows of this moment."""
        if self._held is None:
            self._held = list(self._moving())
            self._added = self._came()
            self._dropped = self.log.dropped

    def follow(self) -> None:
        """Lets go."""
        self._held = None

    def status(self) -> str:
        """In words: `following`, or `paused: +312 new, 0 dropped`."""
        if self.paused:
            return f"paused: +{self.new:,} new, {self.dropped:,} dropped"
        return f"following, {self.dropped:,} dropped" if self.dropped else "following"

    def _moving(self) -> Sequence[Row]:
        self._pull()
        return self.log.rows if self._wanted is None else self._chosen

    def _came(self) -> int:
        self._pull()
        return self.log.added if self._wanted is None else self._counted

    def _pull(self) -> None:
        if self._wanted is None:
            return
        # New ones are among the last, and between them what was told of before.
        new = (row for row in reversed(self.log.rows) if row.number > self._pulled)
        fresh = list(islice(new, self.log.added - self._pulled))
        self._pulled = self.log.added
        chosen = [row for row in reversed(fresh) if self._wanted(row)]
        put_in_order(self._chosen, chosen)
        self._counted += len(chosen)


def row_mentions(row: Row, text: str) -> bool:
    """Whether the text is in what is shown of a row, whatever its capitals."""
    wanted = text.casefold()
    parts = (row.source, row.target, row.what, row.kind, row.state,
             row.error, row.preview, row.reply_preview)  # fmt: skip
    return any(wanted in part.casefold() for part in parts if part)


def find_row(rows: Sequence[Row], text: str, start: int, step: int) -> int | None:
    """The nearest row from `start` on that mentions the text, going round; None where none does.

    Args:
        step: 1 towards the newest, -1 towards the oldest.
    """
    count = len(rows)
    listed = list(rows)
    for distance in range(count):
        index = (start + step * distance) % count
        if row_mentions(listed[index], text):
            return index
    return None
