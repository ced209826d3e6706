"""What the demo's services have in common."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from ipcm.demo.records import Farewell
from ipcm.role.callbacks import Service

__all__ = ["DemoService"]


class DemoService(Service):
    """A service that people poke at: no bad message ends it, and errors are told in full.

    Args:
        last_words: it prints a `Farewell` when it ends.
        params: as for `Service`.
    """

    intercept_errors = True
    expose_error_details = True

    def __init__(self, *, last_words: bool = False, **params: Any) -> None:
        super().__init__(**params)
        self._last_words = last_words

    def figures(self) -> msgspec.Struct:
        """What it has done so far."""
        raise NotImplementedError

    def run_on_cleanup(self) -> None:
        """Says what it has done: whoever wants to know may come too late to ask."""
        super().run_on_cleanup()
        if self._last_words:
            total = self._ipcm_control.snapshot().total
            last = Farewell(total.count, total.errors, msgspec.to_builtins(self.figures()))
            sys.stdout.write(msgspec.json.encode(last).decode() + "\n")
            sys.stdout.flush()
