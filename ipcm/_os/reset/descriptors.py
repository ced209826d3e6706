"""Sockets and pollers that threads of the starter serve."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Any, Final

from ipcm._os.stdio import open_null

__all__ = ["descriptors_of", "silence_descriptors"]

_KINDS: Final = ("socket:", "anon_inode:")


def silence_descriptors(keep: Iterable[int]) -> None:
    """Puts /dev/null in the place of sockets, epolls, eventfds and their like.

    Not closed: the objects that stand on these numbers are still there, and one that is finalized
    later would close what has got its number since.

    Args:
        keep: descriptors that stay.
    """
    kept = frozenset(keep)
    null = open_null()
    try:
        for fd in map(int, os.listdir("/proc/self/fd")):
            with contextlib.suppress(OSError):  # that of the listing itself
                if fd not in kept and os.readlink(f"/proc/self/fd/{fd}").startswith(_KINDS):
                    os.dup2(null, fd, inheritable=False)
    finally:
        os.close(null)


def descriptors_of(things: Iterable[Any]) -> set[int]:
    """The descriptors that these objects stand on, where they stand on one."""
    found = set()
    for thing in things:
        with contextlib.suppress(Exception):  # somebody's object: whatever its fileno raises
            found.add(int(thing.fileno()))
    return found
