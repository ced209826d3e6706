"""The parts together, in the order that they need."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

from ipcm._os.reset.descriptors import silence_descriptors
from ipcm._os.reset.imports import forget_unfinished_imports
from ipcm._os.reset.notebook import leave_notebook
from ipcm._os.reset.streams import renew_log_handlers, renew_streams
from ipcm._os.stdio import detach_input

__all__ = ["part_from_starter", "reset_after_threaded_fork"]


def reset_after_threaded_fork() -> None:
    """In the child of a process with threads, before anything is printed, logged or imported."""
    forget_unfinished_imports()
    renew_log_handlers(renew_streams())
    leave_notebook()
    faulthandler: Any = sys.modules.get("faulthandler")
    if faulthandler is not None and faulthandler.is_enabled():
        faulthandler.enable(2)  # it may have written to a file of the starter's


def part_from_starter(keep: Iterable[int]) -> None:
    """In such a child that is to be a process of its own: nothing ties it to its starter.

    It has no part in the starter's sockets, reads nothing of its input, and gets no signal that
    is sent to the starter's group: interrupting a notebook interrupts its whole group.

    Args:
        keep: descriptors that stay though they are sockets.
    """
    os.setsid()
    silence_descriptors(keep)
    detach_input()
