"""Standard input and output of this process."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping
from typing import IO, Final, TextIO

__all__ = ["detach_input", "flush_output", "open_null", "open_stream", "redirect", "save"]

_STREAMS: Final = ("stdin", "stdout", "stderr")


class SavedStreams(Mapping[str, TextIO]):
    """Text files, each made on its raw one when it is first asked for.

    Most services never write to theirs, and to make the two takes a tenth of what a service
    itself does at its start.
    """

    def __init__(self, raw: Mapping[str, io.FileIO]) -> None:
        self._raw = raw
        self._files: dict[str, io.TextIOWrapper] = {}

    def __getitem__(self, name: str) -> TextIO:
        file = self._files.get(name)
        if file is None:
            buffer = io.BufferedWriter(self._raw[name])
            made = io.TextIOWrapper(buffer, errors="backslashreplace", line_buffering=True)
            file = self._files.setdefault(name, made)
            if file is not made:
                made.detach().detach()  # another thread's was first, which this would close
        return file

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def save() -> SavedStreams:
    """Copies of stdout and stderr that outlive a redirection.

    Returns:
        "stdout" and "stderr" to line-buffered text files that no program run by exec inherits;
        one that is closed is left out.
    """
    copies: dict[str, io.FileIO] = {}
    for name, fd in (("stdout", 1), ("stderr", 2)):
        with contextlib.suppress(OSError):  # it was closed
            copies[name] = io.FileIO(os.dup(fd), "w")
    return SavedStreams(copies)


def redirect(
    stdin: int | None = None, stdout: int | None = None, stderr: int | None = None
) -> None:
    """Puts other descriptors in the place of 0, 1 and 2.

    What Python has buffered is written to the old ones first. Where sys.stdin, sys.stdout or
    sys.stderr does not stand on its descriptor (a notebook, a captured test, pythonw), a new one
    that does takes its place.

    Args:
        stdin, stdout, stderr: descriptors, also 0, 1 and 2 in any order; they stay open. None
            leaves one as it is.

    Raises:
        OSError: not an open descriptor; nothing is redirected then.
    """
    flush_output()
    with contextlib.ExitStack() as stack:
        # Copies first: 1 onto 2 and 2 onto 1 at once is an exchange.
        copies: list[tuple[int, int]] = []
        for fd, source in enumerate((stdin, stdout, stderr)):
            if source is not None:
                copy = os.dup(source)
                stack.callback(os.close, copy)
                copies.append((fd, copy))
        for fd, copy in copies:
            os.dup2(copy, fd)
    for fd, _ in copies:
        if not _stands_on(getattr(sys, _STREAMS[fd]), fd):
            setattr(sys, _STREAMS[fd], open_stream(fd))


def flush_output() -> None:
    """Writes what Python has buffered of stdout and stderr, where they are there and take it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _stands_on(stream: IO[str] | None, fd: int) -> bool:
    try:
        return stream is not None and stream.fileno() == fd
    except (OSError, ValueError, AttributeError):  # in memory, closed, or a stand-in
        return False


def open_stream(fd: int) -> IO[str]:
    """A text stream on 0, 1 or 2, which does not close it; raises OSError where it is closed."""
    # Never closes the descriptor: that number is not the stream's to give back.
    if fd == 0:
        return open(fd, closefd=False)
    return open(fd, "w", buffering=1, errors="backslashreplace" if fd == 2 else None, closefd=False)


def open_null() -> int:
    """A descriptor of /dev/null to read and write, not inherited by exec."""
    return os.open(os.devnull, os.O_RDWR)


def detach_input() -> None:
    """Reads from nowhere: a background process must not take the terminal's keys."""
    null = open_null()
    try:
        redirect(stdin=null)
    finally:
        os.close(null)
