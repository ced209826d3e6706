"""What may have been meant by a few letters, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["rank", "score"]

T = TypeVar("T")

_STARTS = re.compile(r"(?:^|[^0-9a-zA-Z]+)|(?<=[a-z])(?=[A-Z])")


def score(needle: str, text: str) -> tuple[int, int] | None:
    """How well a text fits: the smaller the better; None where it does not.

    In this order: it begins so, it begins so in other case, a part of it begins so, it contains
    it, it contains its letters in their order (the closer together the better).
    """
    if text.startswith(needle):
        return 0, 0
    low, lower = needle.lower(), text.lower()
    if lower.startswith(low):
        return 1, 0
    starts = [found.end() for found in _STARTS.finditer(text)]
    if any(lower.startswith(low, start) for start in starts):
        return 2, 0
    found = lower.find(low)
    if found >= 0:
        return 3, found
    span = _span(low, lower)
    return None if span is None else (4, span)


def _span(needle: str, text: str) -> int | None:
    """Length of the shortest piece of the text that has the letters of the needle in order."""
    best: int | None = None
    start = text.find(needle[0])
    while start >= 0:
        at = start
        for letter in needle[1:]:
            at = text.find(letter, at + 1)
            if at < 0:
                return best
        best = min(best or at - start + 1, at - start + 1)
        start = text.find(needle[0], start + 1)
    return best


def rank(needle: str, items: Iterable[T], text: Callable[[T], str]) -> list[T]:
    """Those that fit, the likeliest first; equals, and all where nothing is typed, as they are.

    Args:
        text: what of an item is compared.
    """
    scored = [(found, item) for item in items if (found := score(needle, text(item))) is not None]
    return [item for _, item in sorted(scored, key=lambda pair: pair[0])]
