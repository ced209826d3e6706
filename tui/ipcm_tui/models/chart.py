"""A chart of the last minute, as lines of text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

__all__ = ["chart"]

_BARS = " ▁▂▃▄▅▆▇█"


def chart(
    values: Sequence[float], width: int, height: int, label: Callable[[float], str]
) -> list[str]:
    """Bars, the newest at the right, with the largest value named at the left.

    Args:
        width, height: columns and lines in all. label: how a value is written.

    Returns:
        `height` lines of exactly `width` columns.
    """
    top = max((value for value in values if math.isfinite(value)), default=0.0)
    names = [label(top), *[""] * (height - 2), label(0.0)] if height > 1 else [label(top)]
    margin = max(map(len, names))
    room = width - margin - 1
    if room < 1 or height < 1:
        return [" " * max(width, 0)] * max(height, 0)
    # Where there is more room than there are values, each bar is as wide as fits.
    thick = max(room // max(len(values), 1), 1) if len(values) >= 20 else max(room // 60, 1)
    shown = [value for value in list(values)[-(room // thick) :] for _ in range(thick)]
    steps = [_eighths(value, top, height) for value in shown]
    lines = []
    for line in range(height):
        floor = (height - 1 - line) * 8
        bars = "".join(_BARS[min(max(step - floor, 0), 8)] for step in steps)
        edge = "┤" if names[line] else "│"
        lines.append(f"{names[line]:>{margin}}{edge}{bars.rjust(room)}")
    return lines


def _eighths(value: float, top: float, height: int) -> int:
    if top <= 0 or not math.isfinite(value) or value <= 0:
        return 0
    return max(math.ceil(min(value / top, 1.0) * height * 8), 1)
