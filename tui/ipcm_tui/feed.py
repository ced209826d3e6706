"""Takes in what the observer has: at once when little comes, now and then when much does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ipcm._core.observation import Event
from ipcm.errors import BusGone
from ipcm_tui.source import Source

__all__ = ["Feed"]

_GAP: Final = 0.05
_BUDGET: Final = 0.02


class Feed:
    """Tells when there is something to take, at most every 50 ms, and takes it.

    What is not taken yet waits in the kernel, then in the services' bounded rings, where it is
    counted when it is dropped: a flood costs the console a fixed part of its time, and the
    services nothing.

    Args:
        on_ready: called on the event loop when `take` would return something. It is not called
            again before `take` was.
    """

    def __init__(self, source: Source, on_ready: Callable[[], None]) -> None:
        self._source = source
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fd = -1
        self._taken = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._hurry = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to listen on the observer's descriptor."""
        self._loop = loop
        self._listen()

    def stop(self) -> None:
        """Listens no more. Repeatable."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ignore()
        self._loop = None

    def hurry(self, on: bool) -> None:
        """Whether somebody waits for what comes in, and looks at how long it takes."""
        self._hurry = on
        if on and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._listen()

    def take(self) -> list[Event]:
        """What came in, for 20 ms at most; the rest comes next time.

        Raises:
            BusGone: the bus ended, and everything has been told.
        """
        loop = self._loop
        if loop is None:
            return []
        until = loop.time() + _BUDGET
        events: list[Event] = []
        try:
            while more := self._source.poll(0.0):
                events += more
                if loop.time() >= until:
                    break
        except BusGone:
            if not events:
                raise
            # They come first; the next time it raises again.
            loop.call_soon(self._on_ready)
        self._taken = loop.time()
        if self._timer is None:
            self._listen()
        return events

    def _listen(self) -> None:
        fd = self._source.fileno()
        if self._loop is not None and self._fd < 0 <= fd:
            self._fd = fd
            self._loop.add_reader(fd, self._readable)

    def _ignore(self) -> None:
        if self._loop is not None and self._fd >= 0:
            self._loop.remove_reader(self._fd)
        self._fd = -1

    def _readable(self) -> None:
        # Level-triggered: until it is taken, being told again and again would only burn time.
        self._ignore()
        assert self._loop is not None
        wait = 0.0 if self._hurry else self._taken + _GAP - self._loop.time()
        if wait > 0:
            self._timer = self._loop.call_later(wait, self._due)
        else:
            self._on_ready()

    def _due(self) -> None:
        self._timer = None
        self._on_ready()
