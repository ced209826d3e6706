"""Standard streams that somebody has closed before the program started."""

from __future__ import annotations

import os
import sys

__all__ = ["fill_missing_descriptors", "open_missing_streams"]


def fill_missing_descriptors() -> None:
    """Opens /dev/null for each of descriptors 0, 1, 2 that is closed.

    Else the first sockets and files would take these numbers: whoever prints would write into
    them, and whoever redirects the output would close them. Programs run by exec inherit it, as
    they do any standard stream.
    """
    if all(map(_is_open, range(3))):
        return  # there may be no descriptor left, and none is needed
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def open_missing_streams() -> None:
    """Fills in the descriptors, and sys.stdin, sys.stdout, sys.stderr where they are None."""
    fill_missing_descriptors()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 (stays open)
