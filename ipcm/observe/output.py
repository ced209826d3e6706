"""Reading what a service writes, while it does and when it has died."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Callable, Iterator
from typing import Final

from ipcm._core.cutting import HEADER_BYTES, Head, read_head

__all__ = ["PAUSE", "Output"]

PAUSE: Final = 0.1
"""Seconds from one look of `Output.follow` to the next."""
_STUCK: Final = 20
"""Looks after which a cut is not under way any more: whoever made it has died over it."""


class Output:
    """The output file of a service; what `Bus.output` and `Handle.output` return.

    It keeps a place in the output, also where the file is cut meanwhile, and no descriptor.

    Args:
        path: of the file, which may not be there yet.

    Attributes:
        place: bytes of the output, from its very first one on, that have been read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.place = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._astray = 0

    def __repr__(self) -> str:
        return f"<Output {self.path!r}>"

    @property
    def exists(self) -> bool:
        """Whether anything was ever written to it."""
        return os.path.exists(self.path)

    def read(self, most: int = 1 << 20) -> str:
        """What was written since the last call, from the beginning at the first one.

        Where the file has been cut in between, a line in brackets says so.

        Args:
            most: bytes.

        Returns:
            "" where there is nothing new.
        """
        try:
            with open(self.path, "rb", buffering=0) as file:
                return self._read(file.fileno(), most)
        except FileNotFoundError:
            return ""

    def tail(self, lines: int) -> str:
        """The last lines; `read` goes on behind them."""
        text, self.place = "", 0
        self._decoder.reset()
        while more := self.read():
            text = _last(text + more, lines)
        return text

    def follow(self, until: Callable[[], object] = bool) -> Iterator[str]:
        """What is there, then what comes, as it comes.

        Args:
            until: asked whenever there is nothing new; true: nothing will come any more.
        """
        while True:
            over = until()
            if text := self.read():
                yield text
            elif over:
                return
            else:
                time.sleep(PAUSE)

    def _read(self, fd: int, most: int) -> str:
        head = self._head(fd)
        if head is None:
            return ""
        notice = b""
        if self.place < head.lost:
            notice = os.pread(fd, head.size, 0)
            self.place = head.lost
            self._decoder.reset()
        position = head.position(self.place)
        if position > os.fstat(fd).st_size:
            # Cut this moment, by the service, or for good, by somebody else.
            self._astray += 1
            if self._astray < _STUCK:
                return ""
            self.place, position = head.lost, head.size
        data = os.pread(fd, most, position)
        if read_head(os.pread(fd, HEADER_BYTES, 0)) != head:
            return ""
        self._astray = 0
        self.place += len(data)
        return notice.decode() + self._decoder.decode(data)

    def _head(self, fd: int) -> Head | None:
        """How the file begins; None where it is being cut."""
        head = read_head(os.pread(fd, HEADER_BYTES, 0))
        if not head.cutting:
            return head
        self._astray += 1
        return head if self._astray >= _STUCK else None


def _last(text: str, lines: int) -> str:
    """The last lines of a text, the unfinished one too."""
    at = len(text)
    for _ in range(lines + text.endswith("\n")):
        at = text.rfind("\n", 0, at)
        if at < 0:
            return text
    return text[at + 1 :]
