"""A bounded queue that counts what it had to leave out."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

__all__ = ["Ring"]

T = TypeVar("T")


class Ring(Generic[T]):
    """Keeps the last `size` items; `dropped` counts the older ones, until `drain` tells it."""

    __slots__ = ("_items", "dropped")

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque(maxlen=size)
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T) -> None:
        """Appends; the oldest goes where the ring is full."""
        if len(self._items) == self._items.maxlen:
            self.dropped += 1
        self._items.append(item)

    def drain(self, most: int | None = None) -> tuple[list[T], int]:
        """Takes everything, or the oldest so many, and the number dropped since the last drain."""
        items, dropped = self._items, self.dropped
        self.dropped = 0
        if most is None or most >= len(items):
            taken = list(items)
            items.clear()
        else:
            taken = [items.popleft() for _ in range(most)]
        return taken, dropped

    def trim(self, most: int) -> None:
        """Drops the oldest, so that no more than so many are left."""
        while len(self._items) > most:
            self._items.popleft()
            self.dropped += 1
