"""Times to wait: what may be given as one, and how long the kernel may be asked to."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Final, TypeGuard

from ipcm.errors import UsageError

__all__ = ["LONGEST_WAIT", "check_seconds", "check_timeout", "is_patience", "milliseconds"]

LONGEST_WAIT: Final = 1e6
"""Seconds that one wait may take: poll(2) counts milliseconds in an int, which is 24 days.
Whoever has longer to wait looks once more."""


def milliseconds(timeout: float | None) -> float | None:
    """A wait as `select.poll` takes it, which rounds up: a wait that ends early is an empty turn.

    Args:
        timeout: seconds; None for ever.
    """
    return None if timeout is None else min(max(timeout, 0.0), LONGEST_WAIT) * 1000


def check_timeout(timeout: Any, what: str = "timeout") -> float | None:
    """Checks a time-out as it was given.

    Returns:
        Seconds, none below 0; None for ever.

    Raises:
        UsageError: neither None nor a number of seconds.
    """
    return None if timeout is None else check_seconds(timeout, what, " (None: for ever)")


def check_seconds(seconds: Any, what: str, hint: str = "") -> float:
    """Checks a time that has to be one.

    Args:
        what: its name, for the error. hint: what else it may be.

    Raises:
        UsageError: it is no number of seconds.
    """
    # Real: what numpy counts in is welcome, too.
    if isinstance(seconds, int | float | Real) and seconds == seconds:
        try:
            return max(float(seconds), 0.0)
        except OverflowError:  # an int beyond all floats
            return 0.0 if seconds < 0 else math.inf
    raise UsageError(f"{what} has to be a number of seconds{hint}, and is {seconds!r:.100}")


def is_patience(seconds: object) -> TypeGuard[float]:
    """Whether what came over the wire is a time to wait: a number other than NaN."""
    return type(seconds) in (int, float) and seconds == seconds
