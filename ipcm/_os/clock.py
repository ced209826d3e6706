"""The system's clock."""

from __future__ import annotations

import time
from typing import Final

from ipcm._core.clock import Clock

__all__ = ["SYSTEM_CLOCK"]


class _SystemClock:
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


SYSTEM_CLOCK: Final[Clock] = _SystemClock()
