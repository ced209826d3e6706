"""Terms and what they mean, in two columns under headings."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ipcm_tui.models.cells import Cell
from ipcm_tui.models.formatting import pad

__all__ = ["Glossary", "lay_out"]

Glossary: TypeAlias = Mapping[str, Sequence[tuple[str, str]]]
"""Terms and meanings, by their headings."""

_GAP = 2


def lay_out(glossary: Glossary, width: int, left: int) -> list[list[Cell]]:
    """The lines of it.

    Args:
        width: columns in all. left: columns of the terms; a long one takes more lines, and
            leaves the meanings their room.

    Returns:
        The cells of each line, which fill it up to its last word.
    """
    lines: list[list[Cell]] = []
    for heading, terms in glossary.items():
        if lines:
            lines.append([])
        lines.append([(heading, "accent")])
        for term, meaning in terms:
            sides = textwrap.wrap(term, left), textwrap.wrap(meaning, max(width - left - _GAP, 1))
            lines += [
                [(pad(each, left + _GAP), "strong"), (about, "plain")]
                for each, about in itertools.zip_longest(*sides, fillvalue="")
            ]
    return lines
