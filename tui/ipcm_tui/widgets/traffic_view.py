"""The list of traffic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import ClassVar

from textual.binding import Binding, BindingType

from ipcm_tui.models.cells import Cell, traffic_cell
from ipcm_tui.models.columns import TRAFFIC_COLUMNS, Column, Placed
from ipcm_tui.models.traffic import Row
from ipcm_tui.models.window import Window, find_row, row_mentions
from ipcm_tui.theme import Palette
from ipcm_tui.widgets.captions import subtitle
from ipcm_tui.widgets.line_table import LineTable

__all__ = ["TrafficView"]


class TrafficView(LineTable):
    """Follows the newest row, until somebody looks at an older one.

    Args:
        window: what to show. me: the console's own peer name. zone: for times of day.
        hints: what to say while there is nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end,G", "follow", "Newest, and follow", show=False, id="traffic.follow"),
        Binding("n", "find(-1)", "Find the next older", show=False, id="traffic.find_older"),
        Binding("N", "find(1)", "Find the next newer", show=False, id="traffic.find_newer"),
    ]

    def __init__(
        self,
        window: Window,
        *,
        me: str = "",
        zone: tzinfo | None = None,
        hints: Sequence[str] = ("No traffic yet.", "Press s to send a request."),
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.window = window
        self.finding = ""
        self._found = 0
        self._me = me
        self._zone = zone
        self._hints = hints
        self._shown: tuple[object, ...] = ()

    @property
    def selected(self) -> Row | None:
        """The row that the cursor is on; while following, the newest."""
        rows = self.window.rows
        if not rows:
            return None
        if self.cursor is None or self.cursor >= len(rows):
            return rows[-1]
        return rows[self.cursor]

    def show(self, palette: Palette) -> None:
        """Draws it, where anything changed."""
        window, view = self.window, self.scrollable_content_region.size
        state = (window.log.changes, window.paused, self.cursor, view, self.finding, palette)
        if state == self._shown:
            return
        self._shown = state
        self.paint_with(palette)
        if not self._placed:
            self.place_columns()
        self.resize_rows()
        if not window.paused:
            self.place(self.max_scroll_y)
        subtitle(self, self._status())
        self.set_class(window.paused, "-paused")
        self.redraw()

    def pause(self) -> None:
        """Holds what is shown."""
        if not self.window.paused:
            self.window.pause()
            self.resize_rows()
            self.cursor = len(self.window.rows) - 1 if self.window.rows else None
        self._moved()

    def follow(self) -> None:
        """Shows the newest rows again."""
        self.window.follow()
        self.cursor = None
        self._moved()

    def find(self, text: str, step: int = -1) -> bool:
        """Selects the nearest row with a text; False where there is none.

        Args:
            step: -1 from here to the oldest, 1 to the newest; it goes round.
        """
        again = text == self.finding
        self.finding = text
        if not text:
            self._moved()
            return True
        self.pause()
        rows = self.window.rows
        if not again:
            self._found = sum(row_mentions(row, text) for row in rows)
        start = len(rows) - 1 if self.cursor is None else self.cursor + (step if again else 0)
        found = find_row(rows, text, start, step)
        if found is None:
            self._moved()
            return False
        self.select(found)
        return True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls back wants to read: nothing moves under them."""
        super().watch_scroll_y(old_value, new_value)
        back = new_value < old_value and new_value < self.max_scroll_y
        if back and not self._placing and not self.window.paused:
            self.pause()

    def select(self, index: int) -> None:
        """Holds the list, and puts the cursor on a row."""
        self._hold_end()
        super().select(index)
        self._moved()

    def action_move(self, by: int) -> None:
        """One row up or down; the first key up holds the list."""
        self._hold_end()
        super().action_move(by)

    def action_follow(self) -> None:
        """To the newest row, and on with it."""
        self.follow()

    def action_find(self, step: int) -> None:
        """Once more, from here."""
        if not self.finding or not self.find(self.finding, step):
            self.app.bell()

    def _hold_end(self) -> None:
        """Holds the list where one has followed it to, also where that is not drawn yet."""
        if not self.window.paused:
            self.pause()
            self.place(self.max_scroll_y)

    def _moved(self) -> None:
        if self._palette is not None:
            self.show(self._palette)
        self.post_message(self.Moved(self))

    def _status(self) -> str:
        status = self.window.status()
        if self.finding and self.window.paused:
            return f"{self.finding!r}: {self._found:,} found, {status}"
        return status

    # What a table asks for

    def columns(self) -> Sequence[Column]:
        """See `LineTable`."""
        return TRAFFIC_COLUMNS

    def row_count(self) -> int:
        """See `LineTable`."""
        return len(self.window.rows)

    def cells(self, index: int, placed: Sequence[Placed]) -> list[Cell]:
        """See `LineTable`."""
        row = self.window.rows[index]
        state = self.window.log.state_of(row)
        return [
            traffic_cell(row, state, each.column.id, each.width, me=self._me, zone=self._zone)
            for each in placed
        ]

    def hints(self) -> Sequence[str]:
        """See `LineTable`."""
        return self._hints

    def mark(self, index: int) -> str:
        """See `LineTable`."""
        if self.finding and row_mentions(self.window.rows[index], self.finding):
            return "table--match"
        return ""
