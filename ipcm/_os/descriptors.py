"""Descriptors that cross from one process of ours into another, or must not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from ipcm._os.fork import close_in_children
from ipcm._os.stdio import open_null

__all__ = ["OwnedFd", "anonymous_file", "close_others"]


class OwnedFd:
    """A descriptor that no child of ours inherits."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        close_in_children(self)

    def forget_after_fork(self) -> None:
        """Closes it."""
        os.close(self.fd)


def anonymous_file(name: str, content: bytes) -> int:
    """A file without a place in any directory (memfd_create(2)), to be read from its beginning.

    Returns:
        Its descriptor, not inherited by exec; `name` is what /proc calls it.
    """
    fd = os.memfd_create(name)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


def close_others(keep: Iterable[int], log: Path) -> None:
    """Closes all inherited descriptors, so that nobody waits for us to close his.

    Args:
        keep: those that stay. log: file that stderr goes to; stdin and stdout go nowhere.
    """
    null = open_null()
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd, source in ((0, null), (1, null), (2, out)):
        os.dup2(source, fd)
    kept = {0, 1, 2, *keep}
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself
                os.close(fd)
