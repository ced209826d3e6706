"""A log file that is cut at its front, and how those who read it on keep their place.

The file begins with a line that tells how many bytes it has lost so far. A place in the output is
counted from the very first byte, so that it stays what it is when the file is cut.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["HEADER_BYTES", "Head", "make_head", "read_head"]

_CUT: Final = "[ipcm: {lost:020d} bytes before this were cut]\n"
_CUTTING: Final = "[ipcm: {lost:020d} bytes are cut this moment.]\n"
_PATTERN: Final = re.compile(
    rb"\[ipcm: (\d{20}) bytes (before this were cut|are cut this moment\.)\]\n"
)

HEADER_BYTES: Final = len(_CUT.format(lost=0))


class Head(NamedTuple):
    """How a file begins.

    Attributes:
        lost: bytes that were there before. size: of the line that tells it, 0 where none does.
        cutting: it is being rewritten at this moment.
    """

    lost: int = 0
    size: int = 0
    cutting: bool = False

    def position(self, place: int) -> int:
        """Where in the file a place of the output is; where it was cut, what follows it."""
        return self.size + max(place - self.lost, 0)


def make_head(lost: int, cutting: bool = False) -> bytes:
    """The line; both kinds take the same room."""
    return (_CUTTING if cutting else _CUT).format(lost=lost).encode()


def read_head(start: bytes) -> Head:
    """Reads the first `HEADER_BYTES` of a file; one that was never cut has no such line."""
    found = _PATTERN.match(start)
    if found is None:
        return Head()
    return Head(int(found[1]), HEADER_BYTES, found[2].startswith(b"are"))
