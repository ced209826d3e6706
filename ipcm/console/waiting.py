"""Waiting for what an observer sees, in a way that a vanished reader ends."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Final

from ipcm._core.observation import Event
from ipcm.observe.observer import Observer

__all__ = ["OutputClosed", "gather", "unwritable", "wait_for"]

_SLICE: Final = 0.5


class OutputClosed(Exception):
    """Whoever read the output has gone."""


def unwritable(error: OSError, what: str = "the output") -> Exception:
    """What to raise where `what` could not be written: nobody reads it, or it has no room."""
    if isinstance(error, BrokenPipeError):
        return OutputClosed()
    return OSError(error.errno, f"{what} cannot be written: {error.strerror}")


def wait_for(observer: Observer, timeout: float | None, output: int | None = None) -> list[Event]:
    """The next events; [] where something else came, or a while has passed.

    It waits no longer than `timeout` seconds, and for a part of that only where nothing comes.

    Args:
        output: a descriptor; raises OutputClosed when nobody reads from it any more.

    Raises:
        BusGone: the bus ended.
    """
    events = observer.poll(0)
    if events or timeout == 0:
        return events
    poll = select.poll()
    poll.register(observer.fileno(), select.POLLIN)
    if output is not None:
        poll.register(output, 0)
    # In slices: a signal that comes between the interpreter's last look and the system call is
    # heeded only when the call returns, and what an observer has to do may be due without a sign.
    ready = poll.poll(1000 * (_SLICE if timeout is None else min(timeout, _SLICE)))
    if any(fd == output and seen & (select.POLLERR | select.POLLHUP) for fd, seen in ready):
        raise OutputClosed
    return observer.poll(0)


def gather(observer: Observer, done: Callable[[], bool], timeout: float) -> list[Event]:
    """Takes in what comes until `done`, at most `timeout` seconds.

    Returns:
        The events that came.

    Raises:
        BusGone: the bus ended.
    """
    deadline = time.monotonic() + timeout
    events = wait_for(observer, 0)
    while not done() and (left := deadline - time.monotonic()) > 0:
        events += wait_for(observer, left)
    return events
