"""Showing where in a text something is wrong."""

from __future__ import annotations

from ipcm.console.cells import cell_width

__all__ = ["point_at"]

_REACH = 60


def point_at(line: str, at: int) -> list[str]:
    """The line, or what of a long one is near the place, and a caret under the place.

    Args:
        line: one line. at: an index into it, or its length for its end.
    """
    line = "".join(character if character.isprintable() else " " for character in line)
    if len(line) > 2 * _REACH:
        start, end = max(at - _REACH, 0), min(at + _REACH, len(line))
        before, after = "..." if start else "", "..." if end < len(line) else ""
        line, at = before + line[start:end] + after, at - start + len(before)
    return [f"  {line}", f"  {' ' * cell_width(line[:at])}^"]
