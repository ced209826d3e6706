"""Resource limits."""

from __future__ import annotations

import contextlib
import resource

__all__ = ["raise_file_limit"]


def raise_file_limit() -> int:
    """Raises the soft limit of open files to the hard one, getrlimit(2).

    Where the kernel refuses (the hard limit may be over fs.nr_open), it stays as it was.

    Returns:
        The soft limit in force: a number of descriptors, or resource.RLIM_INFINITY.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
