"""Functions that a fresh interpreter of ours, or the launcher, calls by name."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["end", "fail", "tell", "wait_for_signal"]


def tell(word: str, fd: int) -> int:
    """Writes what it was given, and where it is."""
    open_ones = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    told = [word, os.getpid(), os.getppid(), len(open_ones), os.readlink("/proc/self/fd/0")]
    os.write(fd, " ".join(map(str, told)).encode())
    return 3


def fail() -> None:
    print("printed", flush=True)
    raise LookupError("no such table")


def end(code: str) -> None:
    sys.exit(int(code))


def wait_for_signal(fd: int) -> int:
    """Says that it is there; SIGINT does nothing to it, SIGUSR1 ends it."""
    signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7))
    os.write(fd, b"there\n")
    while True:
        signal.pause()
