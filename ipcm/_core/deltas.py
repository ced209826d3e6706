"""Peer deltas: who came and who left, at most one change per name and turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Container

__all__ = ["Deltas"]


class Deltas:
    """Changes of presence in the order the registrar told them, dealt out turn by turn.

    A leave and a return of one name come in two turns, and a leave never comes in a turn that
    carries messages of that peer (design: activity). What is held back makes `pending` true:
    the next turn comes at once.
    """

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: deque[tuple[str, int, str]] = deque()

    @property
    def pending(self) -> bool:
        """True where a change waits for its turn."""
        return bool(self._changes)

    def add(self, name: str, change: int, life: str = "") -> None:
        """Notes that a peer, one life of its name, came (+1) or left (-1)."""
        self._changes.append((name, change, life))

    def leaving(self) -> dict[str, str]:
        """Names of which a life has ended and is not told yet, with the first such life.

        What a later life has said is for a turn after that: else a name that comes back again
        and again, and always speaks, would never be told to have left.
        """
        lives: dict[str, str] = {}
        for name, change, life in self._changes:
            if change < 0:
                lives.setdefault(name, life)
        return lives

    def take(self, speaking: Container[str] = (), *, peek: bool = False) -> dict[str, int]:
        """The changes for this turn.

        Args:
            speaking: senders of this turn's messages; their leaving waits for the next.
            peek: only looks; they stay.

        Returns:
            Name to +1 or -1, in the order they happened.
        """
        if not self._changes:
            return {}
        delta: dict[str, int] = {}
        held: set[str] = set()
        later: deque[tuple[str, int, str]] = deque()
        for name, change, life in self._changes:
            if name in delta or name in held or (change < 0 and name in speaking):
                held.add(name)
                later.append((name, change, life))
            else:
                delta[name] = change
        if not peek:
            self._changes = later
        return delta
