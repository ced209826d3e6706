"""Which rows of a table, and in which order: `--filter` and `--sort`, the same for every verb."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from ipcm.console.completion import Offer
from ipcm.console.live import Live
from ipcm.console.predicate import Predicate, PredicateError, parse_predicate
from ipcm.console.predicate_fields import Fields, Kind
from ipcm.console.results import Table
from ipcm.console.verb import Option

__all__ = ["Selection", "filter_option", "sort_option", "sort_rows"]

T = TypeVar("T")

_FIELD_BEGUN = re.compile(r"(?:(?<=[\s(])|^)\w*$")
"""What may be the beginning of a field, at the end of a predicate."""

_RISING = frozenset({"pid", "owner_pid"})
"""Figures that are no quantities: nobody asks for the largest."""


def filter_option(example: str, fields: Fields) -> Option:
    """The option `--filter`.

    Args:
        example: a predicate that makes sense for these rows. fields: of the rows.
    """

    def complete(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
        begun = _FIELD_BEGUN.search(begin)
        if begun is None:
            return []
        return [
            Offer(name, kind.value, begun.start(), more=True) for name, kind in fields.kinds.items()
        ]

    def check(text: str) -> tuple[int, str] | None:
        try:
            parse_predicate(text, fields)
        except PredicateError as error:
            return error.at, f"the filter: {error.reason}"
        return None

    return Option(
        "filter",
        ("--filter",),
        f"Only what matches, such as '{example}'.",
        metavar="PREDICATE",
        complete=complete,
        check=check,
    )


def sort_option(fields: Fields) -> Option:
    """The option `--sort`."""
    text = f"By one of these, figures from the largest: {', '.join(fields.kinds)}."
    return Option("sort", ("--sort",), text, choices=tuple(fields.kinds), metavar="FIELD")


class Selection:
    """What the two options say.

    Args:
        filter, sort: as typed, or None.

    Raises:
        PredicateError.
    """

    def __init__(self, fields: Fields, filter: str | None, sort: str | None) -> None:
        self._fields = fields
        self._wanted: Predicate | None = parse_predicate(filter, fields) if filter else None
        self._sort = sort

    def __call__(self, table: Table[T]) -> Table[T]:
        """The table with only these rows, in that order."""
        rows, empty = list(table.rows), table.empty
        if self._wanted is not None:
            rows = [row for row in rows if self._wanted(row)]
            empty = "nothing matches the filter" if table.rows else empty
        if self._sort is not None:
            rows = sort_rows(rows, self._sort, self._fields)
        return dataclasses.replace(table, rows=rows, empty=empty)


def sort_rows(rows: list[T], by: str, fields: Fields) -> list[T]:
    """Texts and pids from the smallest, figures from the largest; without a value last.

    Rows that are equal in it keep their order.
    """
    there = [row for row in rows if getattr(row, by) is not None]
    absent = [row for row in rows if getattr(row, by) is None]

    def key(row: Any) -> Any:
        return getattr(row, by)

    falling = fields.kinds[by] is not Kind.TEXT and by not in _RISING
    return sorted(there, key=key, reverse=falling) + absent
