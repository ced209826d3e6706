"""Standard input and output of this process."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

__all__ = ["detach_input", "redirect", "save"]


def save() -> dict[str, TextIO]:
    """Copies of stdout and stderr that outlive a redirection, line-buffered."""
    saved: dict[str, TextIO] = {}
    for name, fd in (("stdout", 1), ("stderr", 2)):
        with contextlib.suppress(OSError):  # it was closed
            copy = os.dup(fd)
            saved[name] = open(copy, "w", buffering=1, errors="backslashreplace")
    return saved


def redirect(
    stdin: int | None = None, stdout: int | None = None, stderr: int | None = None
) -> None:
    """Puts other descriptors in the place of 0, 1 and 2."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    for fd, source in ((0, stdin), (1, stdout), (2, stderr)):
        if source is not None:
            os.dup2(source, fd)


def detach_input() -> None:
    """Reads from nowhere: a background process must not take the terminal's keys."""
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(null, 0)
    finally:
        os.close(null)
