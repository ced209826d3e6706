"""Peer deltas: who came and who left, at most one change per name and turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Container

__all__ = ["Deltas"]


class Deltas:
    """Changes of presence in the order the registrar told them, dealt out turn by turn.

    A leave and a return of one name come in two turns, and a leave never comes in a turn that
    carries messages of that peer (design: activity). Where something is held back,
    the next turn comes at once.

    Attributes:
        waiting: changes that wait for their turn: name, +1 or -1, which life.
    """

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: deque[tuple[str, int, str]] = deque()

    def add(self, name: str, change: int, life: str = "") -> None:
        """Notes that a peer, one life of its name, came (+1) or left (-1)."""
        self.waiting.append((name, change, life))

    def leaving(self) -> dict[str, str]:
        """Names of which a life has ended and is not told yet, with the first such life.

        What a later life has said is for a turn after that: else a name that comes back again
        and again, and always speaks, would never be told to have left.
        """
        lives: dict[str, str] = {}
        for name, change, life in self.waiting:
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
        if not self.waiting:
            return {}
        delta: dict[str, int] = {}
        held: set[str] = set()
        later: deque[tuple[str, int, str]] = deque()
        for name, change, life in self.waiting:
            if name in delta or name in held or (change < 0 and name in speaking):
                held.add(name)
                later.append((name, change, life))
            else:
                delta[name] = change
        if not peek:
            self.waiting = later
        return delta
