"""The base of all tables: draws only the lines that are on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ipcm_tui.models.cells import Cell
from ipcm_tui.models.columns import Column, Placed, fit
from ipcm_tui.models.formatting import pad
from ipcm_tui.models.ordering import Order
from ipcm_tui.theme import Palette

__all__ = ["LineTable"]


class LineTable(ScrollView, can_focus=True, inherit_bindings=False):
    """A header and rows of cells, with a cursor. Whoever derives says what the rows are.

    Attributes:
        cursor: index of the selected row; None where none is.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--cursor",
        "table--marked",
        "table--match",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="table.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="table.page_down"),
        Binding("home,g", "first", "First", show=False, id="table.first"),
        Binding("end,G", "last", "Last", show=False, id="table.last"),
        Binding("enter", "open", "Open", show=False, id="table.open"),
    ]

    class Moved(Message):
        """The selection, or the place to show it in, is another."""

        def __init__(self, table: LineTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> LineTable:
            """The table."""
            return self.table

    class Opened(Moved):
        """The selected row was chosen, with Enter or another click."""

    class HeaderClicked(Message):
        """Somebody wants it sorted by a column."""

        def __init__(self, table: LineTable, column: Column) -> None:
            super().__init__()
            self.table = table
            self.column = column

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor: int | None = None
        self._placed: list[Placed] = []
        self._palette: Palette | None = None
        self._placing = False

    # What there is

    def columns(self) -> Sequence[Column]:
        """The columns, before it is known which fit."""
        raise NotImplementedError

    def row_count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def cells(self, index: int, placed: Sequence[Placed]) -> list[Cell]:
        """The cells of a row."""
        raise NotImplementedError

    def hints(self) -> Sequence[str]:
        """What to say where there are no rows."""
        return ()

    def order(self) -> Order | None:
        """By which column it is sorted."""
        return None

    def mark(self, index: int) -> str:
        """A component class that a row has, or ""; and what its first blank becomes."""
        del index
        return ""

    # Keys and mouse

    def action_move(self, by: int) -> None:
        """One row up or down."""
        self.select((self.cursor or 0) + by)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_move(by * max(self.size.height - 2, 1))

    def action_first(self) -> None:
        """To the first row."""
        self.select(0)

    def action_last(self) -> None:
        """To the last row."""
        self.select(self.row_count() - 1)

    def action_open(self) -> None:
        """The selected row, in full."""
        self.post_message(self.Opened(self))

    def select(self, index: int) -> None:
        """Puts the cursor on a row, and the row on the screen."""
        count = self.row_count()
        if not count:
            return
        self.cursor = min(max(index, 0), count - 1)
        self.reveal()
        self.refresh()
        self.post_message(self.Moved(self))

    def reveal(self) -> None:
        """Scrolls so that the cursor can be seen."""
        if self.cursor is None:
            return
        height = max(self.scrollable_content_region.height - 1, 1)
        top = round(self.scroll_y)
        if self.cursor < top:
            self.place(self.cursor)
        elif self.cursor >= top + height:
            self.place(self.cursor - height + 1)

    def place(self, y: float) -> None:
        """Scrolls to a line, at once."""
        self._placing = True
        try:
            # By force: the first time there is something to scroll, the bar is not there yet.
            self.scroll_to(y=y, animate=False, immediate=True, force=True)
        finally:
            self._placing = False

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """A bar that comes where it was scrolled before shows how far."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def on_click(self, event: events.Click) -> None:
        """Selects the row under the mouse; a second click opens it. The header sorts."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            column = self._column_at(offset.x)
            if column is not None:
                self.post_message(self.HeaderClicked(self, column))
            return
        index = offset.y - 1 + round(self.scroll_y)
        if 0 <= index < self.row_count():
            again = self.cursor == index
            self.select(index)
            if again:
                self.action_open()

    def _column_at(self, x: int) -> Column | None:
        for each in self._placed:
            if x <= each.width:
                return each.column
            x -= each.width + 1
        return None

    # Drawing

    def on_resize(self, event: events.Resize) -> None:
        """Chooses the columns that fit."""
        del event
        self.place_columns()
        self.resize_rows()
        self.reveal()
        self.post_message(self.Moved(self))

    def place_columns(self) -> None:
        """Chooses the columns that fit."""
        self._placed = fit(self.columns(), self.width)
        self.refresh()

    def resize_rows(self) -> None:
        """There are more rows, or fewer."""
        self.virtual_size = Size(self.width, self.row_count() + 1)

    @property
    def width(self) -> int:
        """Columns of the screen that it has."""
        return self.scrollable_content_region.width

    def render_line(self, y: int) -> Strip:
        """See the Line API of Textual."""
        width, base = self.width, self.rich_style
        palette = self._palette
        if palette is None or not self._placed:
            return Strip.blank(width, base)
        if y == 0:
            return self._header(self.get_component_rich_style("table--header"))
        count = self.row_count()
        if not count:
            return self._hint(y, base, palette)
        index = y - 1 + round(self.scroll_y)
        if index >= count:
            return Strip.blank(width, base)
        mark = self.mark(index)
        lead = " "
        if mark:
            base = self.get_component_rich_style(mark)
            # Nothing is told by colours alone.
            lead = "▪" if mark == "table--marked" else "*"
        if index == self.cursor:
            # A cursor that only a colour shows is none on a screen without colours.
            base = self.get_component_rich_style("table--cursor")
            lead = "▪" if mark == "table--marked" else "▌" if self.has_focus else " "
        cells = [
            (text, base + palette[tone]) for text, tone in self.cells(index, self._placed)
        ]  # fmt: skip
        return self._strip(cells, base, (lead, base + palette["accent"]))

    def _header(self, style: Style) -> Strip:
        order = self.order()
        segments = []
        for each in self._placed:
            column = each.column
            label = pad(column.label, each.width, right=column.right)
            if order is not None and order.by == column.id:
                sorted_by = style + Style(bold=True)
                arrow = "▼" if order.down else "▲"
                text = label.lstrip() if column.right else label
                text = f"{arrow}{text}".rjust(each.width + 1) if column.right else arrow + text
                segments.append(Segment(text, sorted_by))
            else:
                segments.append(Segment(f" {label}", style))
        return Strip(segments).adjust_cell_length(self.width, style)

    def _strip(self, cells: list[tuple[str, Style]], base: Style, lead: tuple[str, Style]) -> Strip:
        segments = [Segment(*lead)]
        width = 0
        for index, (each, (text, style)) in enumerate(zip(self._placed, cells, strict=True)):
            width += each.width
            if index + 1 < len(cells) and each.column.spills and not cells[index + 1][0]:
                # It has the room of its empty neighbour too.
                cells[index + 1] = (text, style)
                width += 1
                continue
            segments.append(Segment(pad(text, width, right=each.column.right), style))
            segments.append(Segment(" ", base))
            width = 0
        return Strip(segments).adjust_cell_length(self.width, base)

    def _hint(self, y: int, base: Style, palette: Palette) -> Strip:
        hints = self.hints()
        first = max((self.size.height - len(hints)) // 2, 1)
        if 0 <= y - first < len(hints):
            text = hints[y - first].center(self.width)
            return Strip([Segment(text, base + palette["dim"])]).adjust_cell_length(
                self.width, base
            )
        return Strip.blank(self.width, base)
