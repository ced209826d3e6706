"""A descriptor that one thread makes readable for another."""

from __future__ import annotations

import contextlib
import os

__all__ = ["Waker"]


class Waker:
    """Readable from `set` to `clear`; an eventfd where there is one, else a pipe.

    Neither call waits, and neither may race with the other or with `close`: their callers hold
    a lock.

    Attributes:
        is_set: whether it is readable.
    """

    def __init__(self) -> None:
        self.is_set = False
        if hasattr(os, "eventfd"):
            self._read = self._write = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        else:
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)

    def fileno(self) -> int:
        """The descriptor to wait on; -1 once closed."""
        return self._read

    def set(self) -> None:
        """Makes it readable."""
        if not self.is_set and self._write >= 0:
            self.is_set = True
            os.write(self._write, b"\1" + bytes(7))

    def clear(self) -> None:
        """Makes it silent."""
        if self.is_set and self._read >= 0:
            self.is_set = False
            os.read(self._read, 8)

    def close(self) -> None:
        """Closes it. Repeatable."""
        for fd in {self._read, self._write}:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._read = self._write = -1
