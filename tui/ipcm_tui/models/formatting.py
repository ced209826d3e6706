"""Numbers and text in few columns.

Widths are promises: a table that grows by a column when a figure gets longer jumps about.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from rich.cells import cell_len, set_cell_size

__all__ = [
    "NOTHING",
    "clip",
    "format_clock",
    "format_count",
    "format_duration",
    "format_latency",
    "format_percent",
    "format_rate",
    "format_size",
    "pad",
    "printable",
    "sparkline",
    "squeeze",
]

NOTHING: Final = "–"  # noqa: RUF001 (an en dash is as wide as a digit, a hyphen looks like minus)
"""Shown where there is no figure."""

_BARS: Final = "▁▂▃▄▅▆▇█"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def format_duration(seconds: float) -> str:
    """A span, at most 6 columns: `8s`, `1m02s`, `3h07m`, `12d04h`, `400d`."""
    if not math.isfinite(seconds):
        return NOTHING
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    days = whole // _DAY
    if days < 100:
        return f"{days}d{whole % _DAY // _HOUR:02}h"
    return f"{days}d" if days < 100_000 else "ages"


def format_latency(seconds: float | None) -> str:
    """A latency, at most 5 columns: `340µs`, `1.4ms`, `12ms`, `3.1s`, `12m`."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return NOTHING
    if seconds < 0.5e-6:
        return "<1µs"
    for unit, scale in (("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)):
        value = seconds / scale
        # Two significant digits below ten, but only where they were measured: no "1.0µs".
        if value < 9.95 and unit != "µs":
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
    minutes = seconds / _MINUTE
    return f"{minutes:.0f}m" if minutes < 9999.5 else "ages"


def format_size(size: int) -> str:
    """Bytes, at most 5 columns, in powers of 1000: `312B`, `1.2kB`, `48MB`."""
    if size < 1000:
        return f"{max(size, 0)}B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 9.95:
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
    return "huge"


def format_rate(rate: float) -> str:
    """Something per second, at most 5 columns: `0.4`, `12`, `3.1k`."""
    if not math.isfinite(rate) or rate < 0:
        return NOTHING
    if rate == 0:
        return "0"
    if rate < 0.05:
        return "<0.1"
    if rate < 99.95:
        return f"{rate:.1f}"
    return format_count(round(rate), 5)


def format_count(count: int, width: int = 5) -> str:
    """A count, at most `width` (3 or more) columns: `9999`, `12k`, `3M`."""
    text = str(count)
    if len(text) <= width:
        return text
    value = float(count)
    for unit in "kMGTPE":
        value /= 1000
        forms = [f"{value:.1f}{unit}", f"{value:.0f}{unit}"]
        if value < 0.95:
            # What is too wide for one unit is a fraction of the next: `.2M`.
            forms = [f"{value:.1f}{unit}".removeprefix("0")] if value >= 0.095 else []
        for short in forms:
            if len(short) <= width:
                return short
    return "∞"


def format_percent(percent: float | None) -> str:
    """A share of one CPU, at most 5 columns: `0.4%`, `12%`, `1200%`."""
    if percent is None or not math.isfinite(percent) or percent < 0:
        return NOTHING
    if percent == 0:
        return "0%"
    if percent < 9.95:
        return f"{percent:.1f}%"
    return f"{min(percent, 9999):.0f}%"


def format_clock(when: float, zone: tzinfo | None = None, *, millis: bool = True) -> str:
    """The time of day, 12 columns (8 without the milliseconds)."""
    moment = datetime.fromtimestamp(when, zone)
    text = moment.strftime("%H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03}" if millis else text


def printable(text: str) -> str:
    """The text without what would move the cursor or hide other text: each such is a dot."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "·" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text
    )


def clip(text: str, width: int) -> str:
    """The text in at most `width` columns, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1).rstrip() + "…"


def squeeze(text: str, width: int) -> str:
    """As `clip`, but what is missing is missing in the middle: names differ at their ends."""
    if cell_len(text) <= width:
        return text
    end, room = "", (width - 1) // 2
    for character in reversed(text):
        if cell_len(character + end) > room:
            break
        end = character + end
    return clip(text, width - cell_len(end)) + end


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` columns; `right` puts it at the right edge."""
    text = clip(text, width)
    room = " " * (width - cell_len(text))
    return room + text if right else text + room


def sparkline(values: Sequence[float], width: int) -> str:
    """The last `width` values as bars, the newest at the right; 0 is a low bar."""
    shown = list(values)[-width:] if width > 0 else []
    top = max(shown, default=0.0)
    if top <= 0:
        return (_BARS[0] * len(shown)).rjust(max(width, 0))
    steps = len(_BARS) - 1
    bars = (_BARS[math.ceil(min(max(value, 0.0) / top, 1.0) * steps)] for value in shown)
    return "".join(bars).rjust(width)
