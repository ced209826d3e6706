"""A table as widgets draw it: columns, keys of rows, and a cell for each pair of both."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from ipcm_tui.models.cells import Cell
from ipcm_tui.models.columns import Column
from ipcm_tui.models.ordering import Order

__all__ = ["Grid", "moved"]

K = TypeVar("K", bound=Hashable)


@dataclasses.dataclass(frozen=True)
class Grid(Generic[K]):
    """Rows are known by keys, so that a cursor stays on one whatever happens around it.

    Attributes:
        cell: the cell of a row, by its key, in a column of some width; asked for only where it
            is on the screen.
        hints: what to say where there are no rows.
        order: by which column it is sorted. marked: keys with a mark.
        version: as long as this is equal, nothing has changed.
    """

    columns: tuple[Column, ...]
    keys: Sequence[K]
    cell: Callable[[K, str, int], Cell]
    hints: tuple[str, ...] = ()
    order: Order | None = None
    marked: frozenset[K] = frozenset()
    version: object = None


def moved(before: Sequence[K], index: int, after: Sequence[K]) -> int:
    """Where the cursor stands in new rows.

    On the row it was on; where that has gone, on the nearest above it that is still there.

    Args:
        index: where it stood in the rows before.
    """
    places = {key: place for place, key in enumerate(after)}
    for key in reversed(before[: index + 1]):
        if key in places:
            return places[key]
    return 0
