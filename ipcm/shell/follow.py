"""The traffic of the bus above the prompt: as much as one can read, and never at the cost of
typing. What is too much is left out where it arises, and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from ipcm._core.observation import Event, TurnEvent
from ipcm.bus import Bus
from ipcm.console.cells import plural
from ipcm.console.results import Span
from ipcm.console.verbs.tail import event_line
from ipcm.errors import BusGone, IPCMError
from ipcm.observe.observer import Observer

__all__ = ["BATCH", "Follow", "open_follow"]

BATCH: Final = 0.2
"""Seconds between two batches of lines."""

_LINES: Final = 20
_RATE: Final = 200.0
_LEAST: Final = 2.0
_BUDGET: Final = 0.02
_TELL: Final = 1.0


class Follow:
    """Lines for what happens on a bus.

    Attributes:
        dropped: events that were not shown.
    """

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic) -> None:
        services = max(len(bus.services()), 1)
        # All of them together are to be read by one person, and decoded between two keys.
        rate = max(_RATE / services, _LEAST)
        self._observer: Observer | None = bus.observe(rate=rate)
        self._clock = clock
        self._waiting: list[Event] = []
        self._left_out = 0
        self._told = 0
        self._next = 0.0

    @property
    def dropped(self) -> int:
        """See above."""
        return self._left_out + (self._observer.dropped if self._observer is not None else 0)

    @property
    def over(self) -> bool:
        """Whether the bus has ended."""
        return self._observer is None

    def close(self) -> None:
        """Stops following."""
        if self._observer is not None:
            self._observer.close()

    def batch(self) -> list[Sequence[Span]]:
        """The lines for what has come since the last batch; never more than a few."""
        self._take()
        events = sorted(self._waiting, key=lambda event: event.when)
        self._waiting = []
        self._left_out += max(len(events) - _LINES, 0)
        lines: list[Sequence[Span]] = [event_line(event) for event in events[-_LINES:]]
        now = self._clock()
        new = self.dropped - self._told
        if new and now >= self._next:
            self._told, self._next = self.dropped, now + _TELL
            lines.append([(f"{plural(new, 'event')} left out: too many to read", "faint")])
        return lines

    def _take(self) -> None:
        if self._observer is None:
            return
        until = self._clock() + _BUDGET
        try:
            while events := self._observer.poll(0):
                self._waiting += [each for each in events if not isinstance(each, TurnEvent)]
                if self._clock() > until:
                    break
        except BusGone:
            self._left_out += self._observer.dropped
            self._observer.close()
            self._observer = None


def open_follow(bus: Bus | None) -> Follow | str:
    """Follows a bus; or says why it cannot."""
    if bus is None:
        return "no bus is current: `attach BUS` makes one"
    try:
        return Follow(bus)
    except (IPCMError, OSError) as error:
        return str(error)
