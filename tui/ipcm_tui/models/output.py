"""What a service wrote: the last lines of it, complete ones and the one that is being written."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from ipcm_tui.models.formatting import printable

__all__ = ["OutputLog"]

_MOST_LINES: Final = 5000
_LONGEST: Final = 4000


class OutputLog:
    """Takes in pieces of text as they come.

    Attributes: version: grows with every change. added: lines ever begun. most: lines kept.
    """

    def __init__(self, most: int = _MOST_LINES) -> None:
        self.most = most
        self.version = 0
        self.added = 0
        self._lines: deque[str] = deque(maxlen=most)
        self._open: str | None = None

    @property
    def lines(self) -> Sequence[str]:
        """The last lines, the newest at the end; safe for a terminal."""
        return self._lines

    def feed(self, text: str) -> None:
        """More of it; a piece need not end with its line."""
        if not text:
            return
        self.version += 1
        *ended, rest = text.split("\n")
        for part in ended:
            self._put(part)
            self._open = None
        if rest:
            self._put(rest)

    def _put(self, part: str) -> None:
        """More of the line that is open, or the beginning of one."""
        if self._open is None:
            self.added += 1
        else:
            self._lines.pop()
            part = self._open + part
        # What follows a carriage return overwrites the line, as a progress bar does; at its end
        # nothing has yet.
        plain = part.rstrip("\r")
        shown = plain.rpartition("\r")[2][:_LONGEST]
        self._lines.append(printable(shown.expandtabs()[:_LONGEST]))
        self._open = shown + "\r" if len(plain) < len(part) else shown

    def find(self, text: str, start: int, step: int) -> int | None:
        """Index of the nearest line from `start` on that mentions the text, going round."""
        wanted, lines = text.casefold(), list(self._lines)
        for distance in range(len(lines)):
            index = (start + step * distance) % len(lines)
            if wanted in lines[index].casefold():
                return index
        return None
