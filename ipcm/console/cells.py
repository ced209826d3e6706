"""How people read values: short, aligned, and harmless on a terminal."""

from __future__ import annotations

import re
import time

__all__ = [
    "cell_width",
    "clean",
    "count_text",
    "filled",
    "id_text",
    "ms_text",
    "percent_text",
    "plural",
    "rate_text",
    "size_text",
    "span_text",
    "when_text",
]

# Control characters of both sets, and those that turn the direction of what follows: a peer's
# text must not steer the terminal of whoever looks at it.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def clean(text: str, keep_lines: bool = False) -> str:
    """The text with escapes in place of what would steer a terminal.

    Args:
        keep_lines: line ends stay.
    """
    if keep_lines:
        return "\n".join(clean(line) for line in text.splitlines())
    return _STEERING.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def cell_width(text: str) -> int:
    """Columns that the text takes: some characters take two, and some none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # seldom needed, and its tables take a moment to load

    return cell_len(text)


def filled(text: str, width: int) -> str:
    """The text with spaces behind it, up to so many columns."""
    return text + " " * (width - cell_width(text))


def span_text(seconds: float | None) -> str:
    """A span of time: 0.4s, 12s, 3m05s, 2h10m, 4d03h; "-" for None."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def ms_text(seconds: float | None) -> str:
    """A latency: 85us, 1.25ms, 340ms, 2.10s; "-" for None."""
    if seconds is None:
        return "-"
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 0.09995:
        return f"{seconds * 1e3:.2f}ms"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds:.2f}s"


def size_text(size: int | None) -> str:
    """Bytes: 98B, 1.2kB, 34.5MB (powers of 1000); "-" for None."""
    if size is None:
        return "-"
    if size < 1000:
        return f"{size}B"
    value, units = size / 1000, ["kB", "MB", "GB"]
    while value >= 999.95 and len(units) > 1:
        value /= 1000
        del units[0]
    return f"{value:.1f}{units[0]}"


def count_text(number: int | None) -> str:
    """A number; "-" for None."""
    return "-" if number is None else str(number)


def id_text(id: int) -> str:
    """The number of a message among those of its sender: #25.

    What is before its last 16 bits tells the lives of a name apart (see `Port.first_id`), and would
    fill half of a line.
    """
    return f"#{id & 0xFFFF}"


def rate_text(rate: float | None) -> str:
    """Per second: 0, 2.0, 1250; "-" for None."""
    if rate is None:
        return "-"
    if rate == 0:
        return "0"
    return f"{rate:.1f}" if rate < 99.95 else f"{rate:.0f}"


def percent_text(percent: float | None) -> str:
    """A share of one CPU: 0.4%, 120%; "-" for None."""
    if percent is None:
        return "-"
    return f"{percent:.1f}%" if percent < 9.95 else f"{percent:.0f}%"


def when_text(when: float) -> str:
    """A time of day of the user's clock, to the millisecond."""
    whole, part = divmod(when, 1.0)
    return f"{time.strftime('%H:%M:%S', time.localtime(whole))}.{int(part * 1000):03}"


def plural(number: int, noun: str) -> str:
    """`1 peer`, `2 peers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
