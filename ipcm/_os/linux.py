"""What is done here needs Linux, and says so elsewhere."""

from __future__ import annotations

import os
import sys

from ipcm.errors import UnsupportedError

__all__ = ["require_linux", "require_proc"]


def require_linux(what: str) -> None:
    """Refuses where the kernel is another.

    Args:
        what: the thing that cannot be done without, for the text of the error.

    Raises:
        UnsupportedError: this is not Linux.
    """
    if sys.platform != "linux":
        raise UnsupportedError(f"{what} needs Linux, and this is {sys.platform}")


def require_proc(what: str) -> None:
    """Refuses where there is no /proc, as in a bare chroot; see `require_linux`."""
    if not os.path.isdir("/proc/self"):
        raise UnsupportedError(f"{what} needs /proc, and it is not mounted here")
