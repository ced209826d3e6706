"""The output of a service, followed and searchable."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType

from ipcm_tui.models.cells import Cell
from ipcm_tui.models.columns import Column, Placed
from ipcm_tui.models.output import OutputLog
from ipcm_tui.models.peers import PeerKey
from ipcm_tui.session import Session
from ipcm_tui.theme import Palette
from ipcm_tui.widgets.captions import subtitle
from ipcm_tui.widgets.line_table import LineTable

__all__ = ["OutputView"]

_COLUMNS = (Column("text", "standard output and error", 26, 100_000),)


class OutputView(LineTable):
    """Follows the end, until somebody looks back.

    Args:
        key: whose output.

    Attributes:
        left: how many characters of each line are left out at its beginning.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end,G", "follow", "Newest, and follow", show=False, id="output.follow"),
        Binding("n", "find(-1)", "Find the next older", show=False, id="output.find_older"),
        Binding("N", "find(1)", "Find the next newer", show=False, id="output.find_newer"),
        Binding("right", "shift(1)", "The rest of long lines", show=False, id="output.right"),
        Binding("left", "shift(-1)", "Back to their beginning", show=False, id="output.left"),
    ]

    def __init__(self, session: Session, key: PeerKey, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.output = OutputLog()
        self.finding = ""
        self.left = 0
        self._reader = session.open_output(key.name)
        self._begun = False
        self._shown: tuple[object, ...] = ()

    def show(self, palette: Palette) -> None:
        """Reads what is new, and draws it."""
        before = self.output.added
        self.output.feed(self._read())
        if self.cursor is not None:
            # The ring has moved on below the cursor, which stays on its line.
            gone = max(len(self.output.lines) and self.output.added - before, 0)
            full = len(self.output.lines) == self.output.most
            self.cursor = max(self.cursor - (gone if full else 0), 0)
        view = self.scrollable_content_region.size
        state = (self.output.version, self.cursor, self.left, self.finding, palette, view)
        if state == self._shown:
            return
        self._shown = state
        self.paint_with(palette)
        if not self._placed:
            self.place_columns()
        self.resize_rows()
        if self.cursor is None:
            self.place(self.max_scroll_y)
        status = "following" if self.cursor is None else "G follows again"
        subtitle(self, f"← {self.left:,} characters   {status}" if self.left else status)
        self.redraw()

    def _read(self) -> str:
        if self._reader is None:
            return ""
        if not self._begun:
            self._begun = True
            return self._reader.tail(self.output.most)
        try:
            return self._reader.read()
        except OSError as error:
            return f"[it cannot be read: {error.strerror}]\n"

    def find(self, text: str, step: int = -1) -> bool:
        """Selects the nearest line with a text; False where there is none."""
        again = text == self.finding
        self.finding = text
        if not text:
            self.action_follow()
            return True
        last = len(self.output.lines) - 1
        start = last if self.cursor is None else self.cursor + (step if again else 0)
        found = self.output.find(text, start, step)
        if found is None:
            return False
        at, room = self.output.lines[found].casefold().find(text.casefold()), self.width - len(text)
        if not self.left <= at < self.left + room:
            self.left = 0 if at < room else at - room // 2
        self.select(found)
        return True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls back wants to read: nothing moves under them."""
        super().watch_scroll_y(old_value, new_value)
        back = new_value < old_value and new_value < self.max_scroll_y
        if back and not self._placing and self.cursor is None:
            self._hold()
            self.post_message(self.Moved(self))

    def action_move(self, by: int) -> None:
        """One line; the first key up stops following."""
        self._hold()
        super().action_move(by)

    def _hold(self) -> None:
        if self.cursor is None and self.output.lines:
            self.cursor = len(self.output.lines) - 1

    def action_follow(self) -> None:
        """To the newest line, and on with it."""
        self.cursor = None
        self._shown = ()
        self.post_message(self.Moved(self))

    def action_find(self, step: int) -> None:
        """Once more, from here."""
        if not self.finding or not self.find(self.finding, step):
            self.app.bell()

    def action_shift(self, by: int) -> None:
        """Half a screen to the side, where a line in sight has more to show there."""
        half, top = max(self.width // 2, 1), round(self.scroll_y)
        seen = islice(self.output.lines, top, top + self.size.height)
        if by < 0:
            self.left = max(self.left - half, 0)
        elif any(cell_len(line[self.left :]) >= self.width for line in seen):
            self.left += half
        self.post_message(self.Moved(self))

    # What a table asks for

    def columns(self) -> Sequence[Column]:
        """See `LineTable`."""
        return _COLUMNS

    def row_count(self) -> int:
        """See `LineTable`."""
        return len(self.output.lines)

    def cells(self, index: int, placed: Sequence[Placed]) -> list[Cell]:
        """See `LineTable`."""
        del placed
        return [(self.output.lines[index][self.left :], "plain")]

    def hints(self) -> Sequence[str]:
        """See `LineTable`."""
        if self._reader is None:
            return ("This bus keeps no output.", "It goes where that of its starter goes.")
        return (
            "It has written nothing that is kept:",
            "a service does that was started in the background, or with output='bus'.",
        )

    def mark(self, index: int) -> str:
        """See `LineTable`."""
        wanted = self.finding.casefold()
        found = wanted and wanted in self.output.lines[index].casefold()
        return "table--match" if found else ""
