"""Frames accepted for one peer and not yet taken by the kernel."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Final, TypeAlias

__all__ = ["Buffer", "Outbox"]

Buffer: TypeAlias = bytes | bytearray | memoryview

_MOST_BUFFERS: Final = 256  # well under IOV_MAX (1024 on Linux)
_MOST_BYTES: Final = 1 << 20


class Outbox:
    """A queue of frames with a partial-write mark at its head."""

    __slots__ = ("_frames", "_offset", "bytes")

    def __init__(self) -> None:
        self._frames: deque[Buffer] = deque()
        self._offset = 0
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: Buffer) -> None:
        """Queues one frame, header included, or what is left of one."""
        self._frames.append(frame)
        self.bytes += len(frame)

    def clear(self) -> None:
        """Forgets everything."""
        self._frames.clear()
        self._offset = 0
        self.bytes = 0

    def head(self) -> list[Buffer]:
        """What to hand to the kernel next, in order: some 1 MiB at most."""
        buffers = list(itertools.islice(self._frames, _MOST_BUFFERS))
        if self._offset:
            buffers[0] = memoryview(buffers[0])[self._offset :]
        if self.bytes > _MOST_BYTES:
            totals = itertools.accumulate(map(len, buffers))
            enough = (n for n, total in enumerate(totals, 1) if total >= _MOST_BYTES)
            del buffers[next(enough, _MOST_BUFFERS) :]
        return buffers

    def taken(self, size: int) -> None:
        """Drops the first `size` bytes: the kernel has them."""
        if size == self.bytes:
            self.clear()
            return
        self.bytes -= size
        size += self._offset
        frames = self._frames
        while frames and size >= len(frames[0]):
            size -= len(frames.popleft())
        self._offset = size
