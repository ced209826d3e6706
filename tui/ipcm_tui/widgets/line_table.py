"""The base of all tables: draws only the lines that are on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ipcm_tui.models.cells import Cell, Tone
from ipcm_tui.models.columns import Column, Placed, fit
from ipcm_tui.models.formatting import pad
from ipcm_tui.models.ordering import Order
from ipcm_tui.theme import Palette

__all__ = ["LineTable"]

_MOST_STRIPS: Final = 256
_SIXTEEN: Final = "standard"


class _Look(NamedTuple):
    """A line of the screen: its kind ("row", "header", "hint", "blank"), and what is in it."""

    kind: str
    text: str = ""
    style: str = ""
    cells: tuple[Cell, ...] = ()
    order: Order | None = None


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
        self._room = -1
        self._palette: Palette | None = None
        self._placing = False
        # What each line of the screen shows, and how that is drawn.
        self._looks: dict[int, _Look] = {}
        self._strips: dict[_Look, Strip] = {}
        self._base: Style | None = None

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
        self.redraw()
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
        self._room = self.width
        self._placed = fit(self.columns(), self._room)
        self._strips.clear()
        self.refresh()

    def resize_rows(self) -> None:
        """There are more rows, or fewer."""
        size = Size(self.width, self.row_count() + 1)
        if self.styles.is_auto_height:
            self.virtual_size = size
        elif size != self.virtual_size:
            # Its own height is another matter: the screen is not laid out again for a row.
            self.set_reactive(LineTable.virtual_size, size)
            self._scroll_update(size)

    @property
    def width(self) -> int:
        """Columns of the screen that it has."""
        return self.scrollable_content_region.width

    def notify_style_update(self) -> None:
        """See `Widget`: other colours."""
        super().notify_style_update()
        self._strips.clear()
        self._base = None

    def paint_with(self, palette: Palette) -> None:
        """The colours from now on."""
        if palette is not self._palette:
            self._palette = palette
            self._strips.clear()
            self.refresh()

    def redraw(self) -> None:
        """Draws the lines again that would look otherwise than they do."""
        width, height = self.scrollable_content_region.size
        for y in range(height if width else 0):
            if self._looks.get(y) != self._look(y):
                self.refresh(Region(0, y, width, 1))

    def render_lines(self, crop: Region) -> list[Strip]:
        """See `Widget`.

        Where somebody asks for the place of a new widget between a scroll and the next layout,
        Textual takes it for one that had this size before, and sends no Resize.
        """
        if self._room != self.width:
            self.place_columns()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """See the Line API of Textual."""
        look = self._look(y)
        self._looks[y] = look
        strip = self._strips.get(look)
        if strip is None:
            if len(self._strips) >= _MOST_STRIPS:
                self._strips.clear()
            strip = self._strips[look] = self._draw(look)
        return strip

    def _look(self, y: int) -> _Look:
        """All that a line of the screen depends on, besides colours and widths."""
        if self._palette is None or not self._placed:
            return _Look("blank")
        if y == 0:
            return _Look("header", order=self.order())
        count = self.row_count()
        if not count:
            hints = self.hints()
            first = max((self.size.height - len(hints)) // 2, 1)
            return _Look("hint", hints[y - first] if 0 <= y - first < len(hints) else "")
        index = y - 1 + round(self.scroll_y)
        if index >= count:
            return _Look("blank")
        mark = self.mark(index)
        style = mark
        # Nothing is told by colours alone.
        lead = " " if not mark else "▪" if mark == "table--marked" else "*"
        if index == self.cursor:
            # A cursor that only a colour shows is none on a screen without colours.
            style = "table--cursor"
            lead = "▪" if mark == "table--marked" else "▌" if self.has_focus else " "
        return _Look("row", lead, style, tuple(self.cells(index, self._placed)))

    def _draw(self, look: _Look) -> Strip:
        width, palette = self.width, self._palette
        if self._base is None:
            self._base = self.rich_style
        base = self._base
        if palette is None or look.kind == "blank":
            return Strip.blank(width, base)
        if look.kind == "header":
            return self._header(self.get_component_rich_style("table--header"), look.order)
        if look.kind == "hint":
            hint = Segment(look.text.center(width), base + palette["dim"])
            return Strip([hint]).adjust_cell_length(width, base)
        dim: Tone = "dim"
        if look.style:
            base = self.get_component_rich_style(look.style)
            # Among sixteen colours that of the cursor's row is the same as that of dim text.
            if self.app.console.color_system == _SIXTEEN:
                dim = "plain"
        cells = [
            (text, base + palette[dim if tone == "dim" else tone]) for text, tone in look.cells
        ]
        return self._strip(cells, base, (look.text, base + palette["accent"]))

    def _header(self, style: Style, order: Order | None) -> Strip:
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
        # Cells of one style are one segment: all that comes after costs by the segment.
        parts = [lead]
        width = 0
        for index, (each, (text, style)) in enumerate(zip(self._placed, cells, strict=True)):
            width += each.width
            if index + 1 < len(cells) and each.column.spills and not cells[index + 1][0]:
                # It has the room of its empty neighbour too.
                cells[index + 1] = (text, style)
                width += 1
                continue
            part = f"{pad(text, width, right=each.column.right)} "
            if parts[-1][1] == style:
                parts[-1] = (parts[-1][0] + part, style)
            else:
                parts.append((part, style))
            width = 0
        strip = Strip([Segment(*part) for part in parts])
        return strip.adjust_cell_length(self.width, base)
