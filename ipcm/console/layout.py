"""Tables as aligned text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ipcm.console.cells import cell_width, clean, filled
from ipcm.console.results import Column, Span, Table

__all__ = ["cut", "lay_out", "pair_lines"]

_GAP = "  "
_SHRUNK = 20
"""Characters that a column keeps that is cut."""


@dataclass(slots=True)
class _Laid:
    column: Column[Any]
    cells: list[str]
    width: int


def lay_out(table: Table[Any], screen: int | None = None) -> list[list[Span]]:
    """The lines of a table, headings first.

    Args:
        screen: characters in a line; columns that may be cut or dropped are, until it fits. None
            for any number.
    """
    laid = []
    for column in table.columns:
        cells = [clean(column.cell(row)) for row in table.rows]
        laid.append(_Laid(column, cells, max(map(cell_width, [column.title, *cells]))))
    if screen is not None:
        laid = _fitted(laid, screen)
    lines = [_line([(each, each.column.title, "heading") for each in laid])]
    for number, row in enumerate(table.rows):
        lines.append(
            _line(
                [
                    (each, each.cells[number], each.column.style(row) if each.column.style else "")
                    for each in laid
                ],
            )
        )
    return lines


def _fitted(laid: list[_Laid], screen: int) -> list[_Laid]:
    least = max(screen // 3, _SHRUNK)
    long = [(each, each.width) for each in laid if each.column.shrink and each.width > least]
    if _total(laid) <= screen:
        return laid
    for each, _ in long:
        each.width = least
    laid = _dropped(laid, screen)
    for each, full in long:
        each.width = min(full, each.width + max(screen - _total(laid), 0))
        each.cells = ["".join(t for t, _ in cut([(c, "")], each.width)) for c in each.cells]
    return laid


def _dropped(laid: list[_Laid], screen: int) -> list[_Laid]:
    while _total(laid) > screen:
        last = max(range(len(laid)), key=lambda index: (laid[index].column.drop, index))
        if not laid[last].column.drop:
            break
        del laid[last]
    return laid


def _total(laid: list[_Laid]) -> int:
    return sum(each.width for each in laid) + len(_GAP) * (len(laid) - 1)


def _line(cells: list[tuple[_Laid, str, str]]) -> list[Span]:
    line: list[Span] = []
    for index, (laid, text, style) in enumerate(cells):
        padding = " " * (laid.width - cell_width(text))
        if index:
            line.append((_GAP, ""))
        if laid.column.right:
            line += [(padding, ""), (text, style)]
        elif index == len(cells) - 1:
            line.append((text, style))
        else:
            line += [(text, style), (padding, "")]
    return [span for span in line if span[0]]


def pair_lines(pairs: Sequence[tuple[str, str]], screen: int | None = None) -> list[list[Span]]:
    """Names and values, one pair a line, values aligned.

    Args:
        screen: columns of a line; longer values take several. None for any number.
    """
    most = max((cell_width(name) for name, _ in pairs), default=0)
    room = None if screen is None else max(screen - most - len(_GAP), _SHRUNK)
    lines: list[list[Span]] = []
    for name, value in pairs:
        for number, part in enumerate(_wrapped(clean(value), room)):
            label = name if number == 0 else ""
            lines.append(
                [(label, "name"), (filled("", most - cell_width(label)) + _GAP, ""), (part, "")]
            )
    return lines


def _wrapped(text: str, room: int | None) -> list[str]:
    # textwrap counts characters: what has wide ones is left to the terminal.
    if room is None or len(text) <= room or cell_width(text) != len(text):
        return [text]
    # A word stays whole, to be copied: paths and info strings are long ones.
    return textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=False)


def cut(line: Sequence[Span], screen: int) -> list[Span]:
    """As much of the line as fits, with dots where some does not."""
    if sum(cell_width(text) for text, _ in line) <= screen:
        return list(line)
    dots = "..."[: max(screen, 0)]
    left = max(screen, 0) - len(dots)
    kept: list[Span] = []
    for text, style in line:
        if cell_width(text) > left:
            end = min(len(text), left)
            while cell_width(text[:end]) > left:
                end -= 1
            kept.append((text[:end], style))
            break
        left -= cell_width(text)
        kept.append((text, style))
    return [*kept, (dots, "")]
