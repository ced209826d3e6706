"""Ending on a signal: the first asks the service to end, a second one kills it."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import signal
from collections.abc import Callable, Iterable
from signal import Signals
from types import FrameType
from typing import Any, Final, Self

__all__ = ["FOREGROUND", "ORDERLY", "OrderlyEnd"]

ORDERLY: Final = frozenset({signal.SIGTERM})
"""What ends a service in order."""

FOREGROUND: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
"""What ends one that has a terminal: Ctrl-C and the terminal's end, too."""


class OrderlyEnd:
    """While entered, the first of these signals only wakes the loop, which ends the service in
    order; a second one kills, also in the middle of a long handler.

    Goes on top of a `SignalCounter`, which counts the deliveries.

    Args:
        noticed: called with each that comes. signals: those that end it.
    """

    def __init__(
        self,
        noticed: Callable[[int], object] | None = None,
        signals: Iterable[Signals] = ORDERLY,
    ) -> None:
        self._signals = tuple(signals)
        self._noticed = noticed
        self._seen = 0
        self._before: dict[Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in self._signals:
            self._before[number] = _signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._seen += 1
        if self._noticed is not None:
            self._noticed(number)
        if self._seen > 1:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
