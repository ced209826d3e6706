"""The list of traffic: draws only the lines that are on the screen."""

from __future__ import annotations

from datetime import tzinfo
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ipcm_tui.models.cells import traffic_cell
from ipcm_tui.models.columns import TRAFFIC_COLUMNS, Placed, fit
from ipcm_tui.models.formatting import pad
from ipcm_tui.models.traffic import Row
from ipcm_tui.models.window import Window
from ipcm_tui.theme import Palette

__all__ = ["TrafficView"]

_NOTHING_YET = ("No traffic yet.", "Press s to send a request.")


class TrafficView(ScrollView, can_focus=True, inherit_bindings=False):
    """Follows the newest row, until somebody looks at an older one.

    Args:
        window: what to show. me: the console's own peer name. zone: for times of day.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"traffic--header", "traffic--cursor"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="traffic.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="traffic.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="traffic.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="traffic.page_down"),
        Binding("home,g", "first", "Oldest", show=False, id="traffic.first"),
        Binding("enter", "open", "Details", show=False, id="traffic.open"),
        Binding("end,G", "follow", "Newest, and follow", show=False, id="traffic.follow"),
    ]

    class Moved(Message):
        """The selection, or whether it follows, changed."""

    class Opened(Message):
        """The selected row was chosen, with Enter or another click."""

    def __init__(
        self, window: Window, *, me: str = "", zone: tzinfo | None = None, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.window = window
        self._me = me
        self._zone = zone
        self._cursor: int | None = None
        self._placed: list[Placed] = []
        self._palette: Palette | None = None
        self._placing = False
        self._shown: tuple[object, ...] = ()

    @property
    def selected(self) -> Row | None:
        """The row that the cursor is on; while following, the newest."""
        rows = self.window.rows
        if not rows:
            return None
        return rows[-1] if self._cursor is None else rows[self._cursor]

    def show(self, palette: Palette) -> None:
        """Draws it, where anything changed."""
        log, view = self.window.log, self.scrollable_content_region.size
        state = (log.changes, self.window.paused, self._cursor, view, self._placed, palette)
        if state == self._shown:
            return
        self._shown = state
        self._palette = palette
        self.virtual_size = Size(self._width, len(self.window.rows) + 1)
        if not self.window.paused:
            self._to_end()
        self.border_subtitle = self.window.status()
        self.set_class(self.window.paused, "-paused")
        self.refresh()

    def pause(self) -> None:
        """Holds what is shown."""
        if not self.window.paused:
            self.window.pause()
            self._cursor = len(self.window.rows) - 1 if self.window.rows else None
        self._moved()

    def follow(self) -> None:
        """Shows the newest rows again."""
        self.window.follow()
        self._cursor = None
        self._moved()

    def on_resize(self, event: events.Resize) -> None:
        """Chooses the columns that fit."""
        del event
        self._placed = fit(TRAFFIC_COLUMNS, self._width)
        self._moved()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls back wants to read: nothing moves under them."""
        super().watch_scroll_y(old_value, new_value)
        back = new_value < old_value and new_value < self.max_scroll_y
        if back and not self._placing and not self.window.paused:
            self.pause()

    # Keys and mouse

    def action_move(self, by: int) -> None:
        """One row up or down; the first key up holds the list."""
        self.pause()
        if self._cursor is not None:
            self._select(self._cursor + by)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_move(by * max(self.size.height - 2, 1))

    def action_first(self) -> None:
        """To the oldest row."""
        self.pause()
        self._select(0)

    def action_follow(self) -> None:
        """To the newest row, and on with it."""
        self.follow()

    def action_open(self) -> None:
        """The selected row, in full."""
        self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        """Selects the row under the mouse; a second click opens it."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y == 0:
            return
        index = offset.y - 1 + round(self.scroll_y)
        if 0 <= index < len(self.window.rows):
            chosen = self.window.rows[index]
            again = self.window.paused and self.selected is chosen
            self.pause()
            self._select(index)
            if again:
                self.post_message(self.Opened())

    def _select(self, index: int) -> None:
        if not self.window.rows:
            return
        self._cursor = min(max(index, 0), len(self.window.rows) - 1)
        height = max(self.scrollable_content_region.height - 1, 1)
        top = round(self.scroll_y)
        if self._cursor < top:
            self._scroll(self._cursor)
        elif self._cursor >= top + height:
            self._scroll(self._cursor - height + 1)
        self._moved()

    def _to_end(self) -> None:
        self._scroll(self.max_scroll_y)

    def _scroll(self, y: float) -> None:
        self._placing = True
        try:
            # By force: the first time there is something to scroll, the bar is not there yet.
            self.scroll_to(y=y, animate=False, immediate=True, force=True)
        finally:
            self._placing = False

    def _moved(self) -> None:
        if self._palette is not None:
            self.show(self._palette)
        self.post_message(self.Moved())

    # Drawing

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def render_line(self, y: int) -> Strip:
        """See the Line API of Textual."""
        width, base = self._width, self.rich_style
        palette = self._palette
        if palette is None or not self._placed:
            return Strip.blank(width, base)
        if y == 0:
            style = self.get_component_rich_style("traffic--header")
            return self._strip([(each.column.label, style) for each in self._placed], style)
        rows = self.window.rows
        if not rows:
            return self._hint(y, base, palette)
        index = y - 1 + round(self.scroll_y)
        if index >= len(rows):
            return Strip.blank(width, base)
        if index == self._cursor:
            base = self.get_component_rich_style("traffic--cursor")
        row = rows[index]
        state = self.window.log.state_of(row)
        cells = []
        for each in self._placed:
            text, tone = traffic_cell(
                row, state, each.column.id, each.width, me=self._me, zone=self._zone
            )
            cells.append((text, base + palette[tone]))
        return self._strip(cells, base)

    def _strip(self, cells: list[tuple[str, Style]], base: Style) -> Strip:
        segments = []
        width = 0
        for index, (each, (text, style)) in enumerate(zip(self._placed, cells, strict=True)):
            width += each.width
            if index + 1 < len(cells) and each.column.spills and not cells[index + 1][0]:
                # It has the room of its empty neighbour too.
                cells[index + 1] = (text, style)
                width += 1
                continue
            segments.append(Segment(" ", base))
            segments.append(Segment(pad(text, width, right=each.column.right), style))
            width = 0
        return Strip(segments).adjust_cell_length(self._width, base)

    def _hint(self, y: int, base: Style, palette: Palette) -> Strip:
        first = max(self.size.height // 2 - 1, 1)
        if 0 <= y - first < len(_NOTHING_YET):
            text = _NOTHING_YET[y - first].center(self._width)
            return Strip([Segment(text, base + palette["dim"])])
        return Strip.blank(self._width, base)
