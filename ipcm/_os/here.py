"""Which process this is, known without asking the kernel.

getpid(2) is a system call (glibc caches it no more), and every call of a client asks.
"""

from __future__ import annotations

import os

__all__ = ["pid"]

pid: int = os.getpid()
"""As `os.getpid()`; in a child of `os.fork` it is the child's."""


def _in_child() -> None:
    global pid
    pid = os.getpid()


os.register_at_fork(after_in_child=_in_child)
