"""The buses that one may look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from ipcm.bus import Bus
from ipcm_tui.models.cells import Cell
from ipcm_tui.models.columns import Column
from ipcm_tui.models.formatting import format_duration, printable
from ipcm_tui.models.grid import Grid

__all__ = ["BUS_COLUMNS", "BusFacts", "BusRow", "bus_grid", "merge"]

_KEPT: Final = 20


@dataclasses.dataclass(frozen=True, slots=True)
class BusFacts:
    """What does not change about a bus.

    Attributes:
        started: seconds since the epoch. owner_pid: the process that spawned it.
        info: its info string.
    """

    name: str
    transport: str
    serializer: str
    started: float
    owner_pid: int
    info: str = ""

    @classmethod
    def of(cls, bus: Bus) -> BusFacts:
        """Reads them."""
        return cls(bus.name, bus.transport, bus.serializer, bus.started, bus.owner_pid, bus.info)


@dataclasses.dataclass(frozen=True, slots=True)
class BusRow:
    """A bus in the list.

    Attributes: stale: its processes have died, and what they left was removed.
    """

    facts: BusFacts
    peers: int = 0
    stale: bool = False

    @classmethod
    def swept(cls, name: str) -> BusRow:
        """One of which only the name is known."""
        return cls(BusFacts(name, "", "", 0.0, 0), stale=True)

    @property
    def key(self) -> tuple[str, float]:
        """One life of a name."""
        return self.facts.name, self.facts.started


BUS_COLUMNS: Final = (
    Column("state", "state", 8),
    Column("name", "name", 14, 40),
    Column("transport", "transport", 9, rank=1),
    Column("age", "age", 6, right=True),
    Column("owner", "owner", 7, right=True),
    Column("peers", "peers", 5, right=True),
    Column("serializer", "serializer", 10, rank=2),
)


def merge(before: Sequence[BusRow], found: Sequence[BusRow]) -> list[BusRow]:
    """The live ones as they are now; behind them those that were seen to vanish.

    Args:
        before: as they were shown. found: what was found now.
    """
    live = [row for row in found if not row.stale]
    names = {row.facts.name for row in live}
    keys = {row.key for row in live}
    stale = {row.facts.name: dataclasses.replace(row, stale=True)
             for row in [*before, *found] if row.key not in keys}  # fmt: skip
    return live + [row for name, row in stale.items() if name not in names][-_KEPT:]


def bus_grid(rows: Sequence[BusRow], now: float) -> Grid[Any]:
    """The list; `now` in seconds since the epoch."""
    by_key = {row.key: row for row in rows}

    def cell(key: Any, column: str, width: int) -> Cell:
        del width
        row = by_key[key]
        facts = row.facts
        if row.stale and column not in ("state", "name"):
            return "", "dim"
        cells: dict[str, Cell] = {
            "state": ("✕ swept", "dim") if row.stale else ("● live", "good"),
            "name": (printable(facts.name), "dim" if row.stale else "strong"),
            "transport": (facts.transport, "plain"),
            "age": (format_duration(now - facts.started), "plain"),
            "owner": (str(facts.owner_pid), "plain"),
            "peers": (str(row.peers), "plain" if row.peers else "dim"),
            "serializer": (facts.serializer, "dim"),
        }
        return cells[column]

    hints = (
        "No bus is running.",
        "",
        "`ipcm demo` starts one to look at;",
        "in Python: bus = ipcm.spawn('name').",
        "It appears here by itself.",
    )
    return Grid(
        BUS_COLUMNS, tuple(by_key), cell, hints=hints, version=(int(now), tuple(rows))
    )  # fmt: skip
