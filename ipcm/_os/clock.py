"""The system's clock."""

from __future__ import annotations

import time
from typing import Final

from ipcm._core.clock import Clock

__all__ = ["SYSTEM_CLOCK"]


class _SystemClock:
    __slots__ = ("monotonic", "time")

    def __init__(self) -> None:
        # Not as static methods: the interpreter finds an instance's slot in a third of the time.
        self.monotonic = time.monotonic
        self.time = time.time


SYSTEM_CLOCK: Final[Clock] = _SystemClock()
