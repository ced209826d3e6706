"""In which order rows stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Final, TypeVar

__all__ = ["BY_NAME", "Order", "turned"]

T = TypeVar("T")

_TEXTS: Final = frozenset({"name", "state", "pid", "how", "kind"})


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """By one field of the rows; rows without a value stand last, whichever way.

    Attributes: down: the largest first.
    """

    by: str
    down: bool = False

    def apply(self, rows: Iterable[tuple[Any, T]]) -> list[T]:
        """Sorts (record, row) pairs; equal ones stay in the order in which they came."""
        known, unknown = [], []
        for record, row in rows:
            value = getattr(record, self.by)
            if value is None:
                unknown.append(row)
            else:
                known.append((value.casefold() if isinstance(value, str) else value, row))
        known.sort(key=lambda pair: pair[0], reverse=self.down)
        return [row for _, row in known] + unknown


BY_NAME: Final[Order | None] = None
"""Services by name, then plain peers by name: the order in which `Peers` has them."""


def turned(order: Order | None, by: str) -> Order | None:
    """The order after somebody asked for a column: figures from the largest, then the other way
    round, then as it was in the beginning.
    """
    down = by not in _TEXTS
    if order is None or order.by != by:
        return Order(by, down)
    if order.down == down:
        return Order(by, not down)
    return BY_NAME
