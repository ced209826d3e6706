"""Length-prefixed frames on a byte stream: four bytes, big-endian, then that many bytes."""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

from ipcm.errors import ProtocolError

__all__ = ["DEFAULT_LIMIT", "HEADER", "BadLength", "Frame", "FrameReader"]

Frame: TypeAlias = bytes | memoryview

HEADER: Final = struct.Struct("!I")
DEFAULT_LIMIT: Final = 16 << 20
_LARGE: Final = 64 << 10
_SMALL: Final = 32 << 10
_VIEWS: Final = 64  # sizes of frames, of which most peers use a few
_unpack: Final = HEADER.unpack_from


class BadLength(ProtocolError):
    """A frame of length 0, or over the limit: nothing behind it can be read.

    Attributes:
        frames: those before it that came with it, in order.
    """

    def __init__(self, length: int, limit: int, frames: list[Frame]) -> None:
        super().__init__(f"a frame of {length:,} bytes (the limit is {limit:,})")
        self.frames = frames


class FrameReader:
    """Cuts a stream into frames, copying only what arrives in pieces.

    Read into `target`, then tell `fed(n)`. Small frames come out as views of the scratch
    buffer, valid until the next read; a large frame that arrives in pieces is read into a
    buffer of its own size. (Appending its chunks to one growing buffer took 1.7 times as long.)

    Args:
        scratch: a writable buffer, shared by all readers of one thread.
        limit: bytes that a frame may have. first: bytes that the first one may have, where
            that is another number.

    Attributes:
        target: where the next bytes go; empty after a bad length, and never before.
    """

    __slots__ = (
        "_filled", "_large", "_limit", "_next_limit", "_rest", "_scratch", "_views", "target"
    )  # fmt: skip

    def __init__(
        self, scratch: memoryview, limit: int = DEFAULT_LIMIT, first: int | None = None
    ) -> None:
        self._scratch = self.target = scratch
        self._views: dict[int, memoryview] = {}
        self._rest = b""
        self._large: memoryview | None = None
        self._filled = 0
        self._limit = limit
        self._next_limit = limit if first is None else first

    def fed(self, size: int) -> list[Frame]:
        """Takes notice of `size` bytes written to `target`.

        Returns:
            The frames that are complete now, in order, without their headers.

        Raises:
            BadLength: a frame of length 0, or over the limit; it has the frames before it.
        """
        if self._large is not None:
            self._filled += size
            if self._filled < len(self._large):
                self.target = self._large[self._filled :]
                return []
            frame, self._large, self._filled = self._large, None, 0
            self.target = self._scratch
            return [frame]
        scratch = self._scratch
        if self._rest:
            data = memoryview(self._rest + scratch[:size])
            self._rest = b""
            return self._cut(data)
        # Mostly one read is one frame.
        if size > 4:
            (length,) = _unpack(scratch)
            if length + 4 == size and length <= self._next_limit:
                self._next_limit = self._limit
                view = self._views.get(size)
                if view is None:
                    view = scratch[4:size]
                    if len(self._views) < _VIEWS:
                        self._views[size] = view
                return [view]
        return self._cut(scratch[:size])

    def _cut(self, data: memoryview) -> list[Frame]:
        frames: list[Frame] = []
        position, end, limit, usual = 0, len(data), self._next_limit, self._limit
        # To copy many small frames at once and slice the copy takes half as long as a view of
        # each.
        small = bytes(data) if end <= _SMALL else data
        while (start := position + 4) <= end:
            (length,) = _unpack(data, position)
            if length > limit or not length:
                self.target = self._scratch[:0]
                raise BadLength(length, limit, frames)
            limit = usual
            if (stop := start + length) > end:
                break
            frames.append(small[start:stop])
            position = stop
        self._next_limit = limit
        if start <= end and length > _LARGE:
            self._begin_large(length, data[start:])
        else:
            self._rest = bytes(data[position:])
        return frames

    def _begin_large(self, length: int, head: memoryview) -> None:
        self._large = memoryview(bytearray(length))
        self._large[: len(head)] = head
        self._filled = len(head)
        self.target = self._large[self._filled :]
