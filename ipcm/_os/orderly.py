"""The first SIGTERM asks, a second one at once."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any, ClassVar, Self

__all__ = ["OrderlyEnd"]


class OrderlyEnd:
    """While entered, the first SIGTERM only wakes the loop, which ends the service in order; a
    second one kills, also in the middle of a long handler.

    Goes on top of a `SignalCounter`, which counts the deliveries.
    """

    SIGNAL: ClassVar = signal.SIGTERM

    def __init__(self, noticed: Any = None) -> None:
        self._noticed = noticed
        self._seen = 0
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.signal(self.SIGNAL, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(self.SIGNAL, self._before)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._seen += 1
        if self._noticed is not None:
            self._noticed(number)
        if self._seen > 1:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
