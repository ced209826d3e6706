"""How often to draw, so that drawing takes a fixed share of a core and no more."""

from __future__ import annotations

from typing import Final

__all__ = ["Pace"]

_LEAST: Final = 0.1
_MOST: Final = 1.0
_SHARE: Final = 0.15
_BURST: Final = 3


class Pace:
    """Ten pictures a second at the most, fewer where they, and what comes in, cost more.

    After a picture so much time has to pass that what the process has spent since then is its
    share of it; a second is enough in any case. What somebody asks for with a key stands at once:
    a few such pictures may follow each other closely, and count as ten a second all the same.

    Args:
        share: of one core. least, most: seconds between two pictures.
    """

    def __init__(self, share: float = _SHARE, least: float = _LEAST, most: float = _MOST) -> None:
        self._share = share
        self._least = least
        self._most = most
        self._drawn = -most
        self._spent = 0.0
        self._credit = float(_BURST)

    def due(self, now: float, spent: float, *, asked: bool = False) -> bool:
        """Whether another picture may be drawn.

        Args:
            now: monotonic seconds. spent: seconds of CPU time of this process.
            asked: somebody pressed a key, and is not to wait for what drawing costs.
        """
        if asked:
            return self._credit_at(now) >= 1
        gap = (spent - self._spent) / self._share
        # A little early is early enough for a timer that comes every tenth of a second.
        return now - self._drawn >= min(max(gap, self._least * 0.9), self._most)

    def drew(self, now: float, spent: float) -> None:
        """One was drawn."""
        self._credit = max(self._credit_at(now) - 1, 0.0)
        self._drawn, self._spent = now, spent

    def _credit_at(self, now: float) -> float:
        # A token bucket.
        return min(self._credit + (now - self._drawn) / self._least, _BURST)
