"""Interrupts of a process that has nothing to interrupt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

__all__ = ["IdleInterrupt"]


class IdleInterrupt:
    """Calls back on SIGINT while the process ignores it, as a notebook's does between two cells.

    Args:
        callback: called in the main thread, wherever that is at the moment.
    """

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback = callback
        self._active = True

    def arm(self) -> None:
        """Takes the place of SIG_IGN; does nothing where somebody handles the signal.

        Called again and again: whoever runs a cell saves the handler and puts it back.
        """
        main = threading.current_thread() is threading.main_thread()
        if main and self._active and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._heed)

    def disarm(self) -> None:
        """Ignores the signal again; a handler that others have saved does nothing from now on."""
        self._active = False
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) == self._heed:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        if self._active:
            self._callback()
