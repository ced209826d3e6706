"""The table of services and plain peers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable
from textual.widgets.data_table import RowKey

from ipcm_tui.models.cells import peer_cell
from ipcm_tui.models.columns import PEER_COLUMNS, Placed, fit
from ipcm_tui.models.formatting import pad
from ipcm_tui.models.peers import Peer, PeerKey
from ipcm_tui.theme import Palette

__all__ = ["PeerTable"]

_ORDERED_BY = "name"


class _Cell(Text):
    """Text that knows the place of its row, since a DataTable sorts by what is in its cells."""

    place = 0


class PeerTable(DataTable[Text]):
    """Rows by (name, incarnation): the cursor stays on the life that it was put on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False, id="peers.down"),
        Binding("k", "cursor_up", "Up", show=False, id="peers.up"),
        Binding("g", "scroll_top", "First", show=False, id="peers.first"),
        Binding("G", "scroll_bottom", "Last", show=False, id="peers.last"),
    ]

    class Rebuilt(Message):
        """The columns are new, and the rows have to be shown again."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id,
            cursor_type="row",
            cell_padding=0,
            cursor_foreground_priority="renderable",
        )
        self._placed: list[Placed] = []
        self._drawn: dict[PeerKey, list[tuple[str, Style]]] = {}
        self._order: list[PeerKey] = []
        self._pinned: PeerKey | None = None

    @property
    def selected(self) -> PeerKey | None:
        """The life that the cursor is on."""
        if not self._order or not self.is_valid_row_index(self.cursor_row):
            return None
        return self._order[self.cursor_row]

    def on_resize(self, event: events.Resize) -> None:
        """Chooses the columns that fit."""
        del event
        placed = fit(PEER_COLUMNS, self.scrollable_content_region.width)
        if placed == self._placed:
            return
        self._placed = placed
        self._pinned = self._pinned or self.selected
        self.clear(columns=True)
        for each in placed:
            label = pad(each.column.label, each.width, right=each.column.right)
            self.add_column(Text(f" {label}"), width=each.width + 1, key=each.column.id)
        self._drawn.clear()
        self._order = []
        self.post_message(self.Rebuilt())

    def show(self, peers: Sequence[Peer], now: float, palette: Palette) -> None:
        """Brings the rows up to date, touching only the cells that changed.

        Args:
            peers: in the order in which they shall stand.
            now: seconds since the epoch.
        """
        if not self._placed:
            return
        pinned, self._pinned = self._pinned or self.selected, None
        before, index = self._order, self.cursor_row
        order = [peer.key for peer in peers]
        kept = set(order)
        for key in before:
            if key not in kept:
                self.remove_row(key.text)
                del self._drawn[key]
        for peer in peers:
            self._show_row(peer, now, palette)
        if order != before:
            self._order = order
            self._sort()
        self._restore(pinned, before, index)

    def _show_row(self, peer: Peer, now: float, palette: Palette) -> None:
        drawn = self._drawn.get(peer.key)
        cells: list[tuple[str, Style]] = []
        for each in self._placed:
            text, tone = peer_cell(peer, each.column.id, each.width, now)
            shown = f" {pad(text, each.width, right=each.column.right)}"
            cells.append((shown, palette[tone]))
        if drawn is None:
            self.add_row(*(_Cell(t, style=s) for t, s in cells), key=peer.key.text)
        else:
            for each, old, new in zip(self._placed, drawn, cells, strict=True):
                if old != new:
                    cell = _Cell(new[0], style=new[1])
                    self.update_cell(peer.key.text, each.column.id, cell)
        self._drawn[peer.key] = cells

    def _sort(self) -> None:
        for place, key in enumerate(self._order):
            cell = self.get_cell(key.text, _ORDERED_BY)
            assert isinstance(cell, _Cell)
            cell.place = place
        self.sort(_ORDERED_BY, key=lambda cell: cell.place)

    def _restore(self, pinned: PeerKey | None, before: list[PeerKey], index: int) -> None:
        if not self._order:
            return
        if pinned is not None and RowKey(pinned.text) in self.rows:
            row = self._order.index(pinned)
        else:
            # Its row was cleared away: the nearest one above it that is still there.
            above = [key for key in before[:index] if key in self._drawn]
            row = self._order.index(above[-1]) if above else 0
        if row != self.cursor_row:
            self.cursor_coordinate = Coordinate(row, 0)
            self.move_cursor(row=row, animate=False)
