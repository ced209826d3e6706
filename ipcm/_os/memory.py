"""Buffers that cost memory only as far as they are used."""

from __future__ import annotations

import mmap

__all__ = ["scratch"]


def scratch(size: int) -> memoryview:
    """A writable buffer of zeros, of pages that come into being when they are first touched.

    A bytearray touches all of them at once: a quarter of a megabyte for each peer that may never
    get more than a few words at a time.
    """
    return memoryview(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
