"""What is done here needs Linux, and says so elsewhere."""

from __future__ import annotations

import sys

from ipcm.errors import UnsupportedError

__all__ = ["require_linux"]


def require_linux(what: str) -> None:
    """Refuses where the kernel is another.

    Args:
        what: the thing that cannot be done without, for the text of the error.

    Raises:
        UnsupportedError: this is not Linux.
    """
    if sys.platform != "linux":
        raise UnsupportedError(f"{what} needs Linux, and this is {sys.platform}")
