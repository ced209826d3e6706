"""Buffers that cost memory only as far as they are used, and large ones that cost it once."""

from __future__ import annotations

import mmap
from typing import Final

__all__ = ["keep_freed", "scratch"]

_KEPT: Final = 4 << 20


def scratch(size: int) -> memoryview:
    """A writable buffer of zeros, of pages that come into being when they are first touched.

    A bytearray touches all of them at once: a quarter of a megabyte for each peer that may never
    get more than a few words at a time.
    """
    return memoryview(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def keep_freed() -> None:
    """From now on the memory of large messages is used again, and not given back for each of them.

    The C library gives back what is freed at the end of its heap once that is more than twice the
    largest block that it has had from the system by itself and freed (M_MMAP_THRESHOLD in
    mallopt(3)). An echo of 1 MiB frees a little more than that, and spent two thirds of its time
    on pages that it had had a moment ago. So one block of 4 MiB is freed here, which nobody has
    written to and which therefore took no memory: up to 8 MiB stay. Other C libraries than glibc
    do as they do.
    """
    global _kept
    if not _kept:
        _kept = True
        bytearray(_KEPT)


_kept = False
