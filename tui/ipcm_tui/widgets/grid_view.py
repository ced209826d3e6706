"""A table whose rows have keys: the cursor stays on its row, whatever comes and goes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from ipcm_tui.models.cells import Cell
from ipcm_tui.models.columns import Column, Placed
from ipcm_tui.models.grid import Grid, moved
from ipcm_tui.models.ordering import Order
from ipcm_tui.theme import Palette
from ipcm_tui.widgets.line_table import LineTable

__all__ = ["GridView"]

K = TypeVar("K", bound=Hashable)


class GridView(LineTable, Generic[K]):
    """Draws a `Grid`."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._grid: Grid[K] = Grid((), (), lambda key, column, width: ("", "plain"))
        self._drawn: tuple[object, ...] = ()
        self._last: K | None = None

    @property
    def selected(self) -> K | None:
        """Key of the row that the cursor is on."""
        keys = self._grid.keys
        if self.cursor is None or self.cursor >= len(keys):
            return None
        return keys[self.cursor]

    @property
    def keys(self) -> Sequence[K]:
        """Of all rows, in their order."""
        return self._grid.keys

    def show(self, grid: Grid[K], palette: Palette) -> None:
        """Draws it, where anything has changed; the cursor stays on its row."""
        drawn = (grid.version, grid.keys, grid.order, grid.marked, palette, self.width)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self._last = self._last if self.selected is None else self.selected
        before, self._grid = self._grid, grid
        self.paint_with(palette)
        if before.columns != grid.columns or not self._placed:
            self.place_columns()
        was = self.cursor
        if not grid.keys:
            self.cursor = None
        elif was is None:
            # Where no row was left for a while, it is on its own again.
            self.cursor = grid.keys.index(self._last) if self._last in grid.keys else 0
        elif grid.keys != before.keys:
            self.cursor = moved(before.keys, was, grid.keys)
        if len(grid.keys) != len(before.keys):
            self.resize_rows()
        if self.cursor != was:
            self.reveal()
        self.redraw()

    def choose(self, key: K) -> bool:
        """Puts the cursor on a row; False where there is none with this key."""
        if key not in self._grid.keys:
            return False
        self.select(self._grid.keys.index(key))
        return True

    # What a table asks for

    def columns(self) -> Sequence[Column]:
        """See `LineTable`."""
        return self._grid.columns

    def row_count(self) -> int:
        """See `LineTable`."""
        return len(self._grid.keys)

    def cells(self, index: int, placed: Sequence[Placed]) -> list[Cell]:
        """See `LineTable`."""
        key, cell = self._grid.keys[index], self._grid.cell
        return [cell(key, each.column.id, each.width) for each in placed]

    def hints(self) -> Sequence[str]:
        """See `LineTable`."""
        return self._grid.hints

    def order(self) -> Order | None:
        """See `LineTable`."""
        return self._grid.order

    def mark(self, index: int) -> str:
        """See `LineTable`."""
        return "table--marked" if self._grid.keys[index] in self._grid.marked else ""
