"""Which columns fit, and how wide each is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

__all__ = ["PEER_COLUMNS", "TRAFFIC_COLUMNS", "Column", "Placed", "fit"]


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        id, label: `label` is no wider than `width`.
        width: columns that it needs. most: columns that it can use, where there is room.
        whole: it grows to `most` at once or not at all; a little more is of no use to it.
        share: how much of the room that is left it takes in each round.
        right: whether its content stands at the right edge.
        spills: it may use the room of the next column where that is empty.
        rank: 0 is always shown; of the others the highest goes first when room is short.
        letter: with shift, the key that sorts by it; "" where it cannot be sorted by.
    """

    id: str
    label: str
    width: int
    most: int = 0
    whole: bool = False
    share: int = 1
    spills: bool = False
    right: bool = False
    rank: int = 0
    letter: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A column that is shown, in `width` columns and one blank before it."""

    column: Column
    width: int


def fit(columns: Sequence[Column], room: int) -> list[Placed]:
    """Chooses columns for `room` columns of screen, and shares out what is left.

    Returns:
        In the given order; together with a blank before each they are at most `room` wide,
        unless those of rank 0 alone are wider.
    """
    shown = list(columns)
    while _needed(shown) > room:
        optional = [column for column in shown if column.rank > 0]
        if not optional:
            break
        # The last of the highest rank goes first.
        shown.remove(max(reversed(optional), key=lambda column: column.rank))
    widths = {column.id: column.width for column in shown}
    left = max(room - _needed(shown), 0)
    for column in shown:
        if column.whole and column.most - column.width <= left:
            widths[column.id] = column.most
            left -= column.most - column.width
    growing = [column for column in shown if column.most > column.width and not column.whole]
    while left and growing:
        for column in list(growing):
            more = min(column.share, column.most - widths[column.id], left)
            widths[column.id] += more
            left -= more
            if widths[column.id] >= column.most:
                growing.remove(column)
    return [Placed(column, widths[column.id]) for column in shown]


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.width + 1 for column in columns)


PEER_COLUMNS = (
    Column("state", "state", 7, 13, share=3, letter="T"),
    Column("name", "name", 10, 40, share=4, letter="N"),
    Column("pid", "pid", 7, right=True, rank=2, letter="D"),
    Column("uptime", "up", 6, right=True, rank=3, letter="U"),
    Column("cpu", "cpu", 5, right=True, rank=1, letter="C"),
    Column("rss", "mem", 5, right=True, rank=2, letter="M"),
    Column("peers", "peers", 5, right=True, rank=8, letter="P"),
    Column("workers", "wrk", 3, 4, right=True, rank=5, letter="W"),
    Column("open", "open", 4, right=True, rank=6, letter="O"),
    Column("rate", "req/s", 5, right=True, letter="R"),
    Column("p50", "p50", 5, right=True, rank=4, letter="A"),
    Column("p95", "p95", 5, right=True, letter="L"),
    Column("p99", "p99", 5, right=True, rank=7, letter="X"),
    Column("backlog", "back", 4, 5, right=True, rank=9, letter="B"),
    Column("errors", "err", 3, 5, right=True, letter="E"),
    Column("signals", "sig", 3, 14, right=True, rank=7, letter="S"),
    Column("history", "last minute", 11, 60, right=True, rank=10, share=2, letter="H"),
)
"""Of the table of peers."""

TRAFFIC_COLUMNS = (
    Column("time", "time", 8, 12, whole=True, rank=1),
    Column("route", "from → to", 14, 40),
    Column("what", "what", 12, 200, share=3, spills=True),
    Column("size", "bytes", 11, rank=3),
    Column("took", "took", 5, right=True, rank=2),
    Column("state", "status", 8),
)
"""Of the list of traffic."""
