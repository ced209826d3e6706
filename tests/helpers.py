"""Waiting for what happens elsewhere, with a hard limit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from ipcm._os.process import identify

__all__ = ["gone", "soaking", "wait_until"]


def soaking(short: int, long: int) -> int:
    """How much of a long test to do: with IPCM_SOAK=short, as CI sets it, a part of it."""
    return short if os.environ.get("IPCM_SOAK") == "short" else long


def wait_until(predicate: Callable[[], Any], limit: float = 15.0) -> None:
    """Looks every five milliseconds; fails when the limit (seconds) is over."""
    deadline = time.monotonic() + limit
    while not predicate():
        assert time.monotonic() < deadline, f"not within {limit} s"
        time.sleep(0.005)


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        identify(pid)
    except ProcessLookupError:
        return True
    return False
