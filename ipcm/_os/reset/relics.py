"""Objects of the starter that a forked child must not use, and not finalize either."""

from __future__ import annotations

__all__ = ["bury"]

_buried: list[object] = []


def bury(*relics: object) -> None:
    """Keeps objects from ever being finalized: that would flush, close or join what is not ours."""
    _buried.extend(relics)
