"""The file that a background service's output goes to."""

from __future__ import annotations

import contextlib
import os
import stat
import sys

from ipcm._core.cutting import HEADER_BYTES, make_head, read_head
from ipcm._os.stdio import detach_input, redirect

__all__ = ["OutputFile", "open_output", "send_output", "writes_to_file"]


def open_output(path: str) -> int:
    """Opens it to append to; it counts as written to at this moment.

    Raises:
        OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    out = os.open(path, flags, 0o600)
    os.utime(out)  # that of an earlier life is in use again: the oldest are removed
    return out


def send_output(out: int) -> None:
    """From now on this process reads from nowhere, and what it prints goes there line by line.

    Args:
        out: what `open_output` returned; it is closed.
    """
    try:
        detach_input()
        redirect(stdout=out, stderr=out)
    finally:
        os.close(out)
    with contextlib.suppress(AttributeError, ValueError):  # a stand-in, or closed
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def writes_to_file() -> bool:
    """Whether standard output stands on a regular file, which may be an `OutputFile`."""
    try:
        return stat.S_ISREG(os.fstat(1).st_mode)
    except OSError:
        return False


class OutputFile:
    """The file at a path, seen from the process whose output it is.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def of_this_process(cls, path: str | None) -> OutputFile | None:
        """The file at a path, where standard output of this process stands on it; else None."""
        if path is None:
            return None
        try:
            return cls(path) if os.path.samestat(os.fstat(1), os.stat(path)) else None
        except OSError:
            return None

    def cut(self, cap: int) -> bool:
        """Cuts it to its last half, from the beginning of a line, where it has over `cap` bytes.

        All who write to it go on at its end. What others write in that very moment may be lost.

        Returns:
            Whether it was cut.
        """
        try:
            if os.fstat(1).st_size <= cap:
                return False
            with open(self.path, "r+b", buffering=0) as file:
                self._cut(file.fileno(), cap // 2)
        except OSError:
            return False  # it was removed, or the disk is full: the service is not to suffer
        return True

    def _cut(self, fd: int, keep: int) -> None:
        size = os.fstat(fd).st_size
        head = read_head(os.pread(fd, HEADER_BYTES, 0))
        tail = os.pread(fd, keep, max(size - keep, head.size))
        tail = tail[tail.find(b"\n") + 1 :]
        lost = head.lost + size - head.size - len(tail)
        # Whoever reads it meanwhile finds it short, or finds that it is being cut, and comes again.
        os.ftruncate(fd, HEADER_BYTES + len(tail))
        os.pwrite(fd, make_head(lost, cutting=True), 0)
        written = 0
        while written < len(tail):
            written += os.pwrite(fd, tail[written:], HEADER_BYTES + written)
        os.pwrite(fd, make_head(lost), 0)
