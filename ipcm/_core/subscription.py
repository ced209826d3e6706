"""The live streams of a service: who gets which events, at most how many, and what was lost."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from ipcm._core.filters import EVENT_KINDS, kind_of, matches
from ipcm._core.observation import ErrorEvent, Event, EventBatch, TurnEvent
from ipcm._core.ring import Ring

__all__ = ["Asked", "ObserveOptions", "Subscription"]

Asked: TypeAlias = tuple[str, str, int]
"""A request: its direction, the other side, its id."""

_MOST_WAITING: Final = 10_000
_MOST_ASKED: Final = 1000
_AT_ONCE: Final = 200
_AT_ONCE_WITH_ERRORS: Final = 10
"""Events of a batch: of a size that what is begun of one can be finished at the end."""


class ObserveOptions(msgspec.Struct, frozen=True):
    """What an observer asks for.

    Attributes:
        messages: whether it wants message events at all.
        previews: whether these carry the content's beginning.
        rate: message events per second at the most; the rest is counted.
        events: the kinds of events that it wants.
        services: names or patterns of those that it asks, where it is not one alone.
    """

    messages: bool = True
    previews: bool = True
    rate: float = 2000.0
    events: tuple[str, ...] = EVENT_KINDS
    services: tuple[str, ...] = ("*",)

    def watches(self, service: str) -> bool:
        """Whether a service is among those that it asks."""
        return matches(self.services, service)


class Subscription:
    """One observer's stream: a bounded ring and a budget for message events.

    Attributes:
        options: what the observer asked for. life: its incarnation.
        ring: events that wait for a batch.
        messages: whether it wants message events.
        gap: seconds from one batch to the next at the least: as long as it takes its rate to fill
            one with some twenty messages, 0.01 to 0.2.
        due: when the next batch may go, in the time that `wants` is told.
        lost: events left out that it has not been told of yet.
        asked: the requests that it has been told of, and not of their answers; the last ones.
    """

    __slots__ = (
        "_budget", "_errors", "_kinds", "_refilled", "_told", "_turns", "asked", "due", "gap",
        "life", "lost", "messages", "options", "ring",
    )  # fmt: skip

    def __init__(self, options: ObserveOptions, now: float, life: str = "") -> None:
        self.life = life
        self.options = options
        self.ring: Ring[Event] = Ring(_MOST_WAITING)
        self.lost = 0
        self._kinds = frozenset(options.events)
        self.messages = options.messages and "message" in self._kinds
        self._budget = max(options.rate, 1.0) if options.rate > 0 else 0.0
        self._refilled = self.due = now
        self.gap = 0.01
        if self.messages and options.rate > 0:
            self.gap = min(max(20 / options.rate, 0.01), 0.2)
        self._told = 0
        self.asked: dict[Asked, None] = {}
        self._errors = False
        self._turns = [0, 0, 0]

    @property
    def lost_ever(self) -> int:
        """Events left out since it began."""
        return self._told + self.lost + self.ring.dropped

    @property
    def waiting(self) -> bool:
        """Whether there is something for a batch."""
        return bool(self.ring or self._turns[0] or self.lost)

    def wants(self, now: float, asks: Asked | None = None, answers: Asked | None = None) -> bool:
        """Whether one more message event fits the budget; counts it as lost where not.

        The answer to a request that it has been told of comes in any case, and is paid for later:
        a flood would leave of most requests one half.

        Args:
            asks: the request that the message is. answers: the request that it answers.
        """
        if not self.messages:
            return False
        if answers is not None and answers in self.asked:
            del self.asked[answers]
            self._budget -= 1.0
            return True
        rate = self.options.rate
        if self._budget < 1.0:
            # Room for one at least: less than one a second is a rate too.
            room = max(rate, 1.0) if rate > 0 else 0.0
            self._budget = min(room, self._budget + (now - self._refilled) * rate)
            self._refilled = now
            if self._budget < 1.0:
                self.lost += 1
                return False
        self._budget -= 1.0
        if asks is not None:
            if len(self.asked) >= _MOST_ASKED:
                del self.asked[next(iter(self.asked))]
            self.asked[asks] = None
        return True

    def miss(self, count: int) -> None:
        """So many messages came while its budget was known to be spent."""
        if self.messages:
            self.lost += count

    def add(self, event: Event) -> None:
        """Queues an event, if it is of a kind that is wanted."""
        if kind_of(event) in self._kinds:
            self.ring.add(event)
            self._errors = self._errors or isinstance(event, ErrorEvent)

    def add_turn(self, messages: int, interval: bool) -> None:
        """Counts a turn in, for the next batch to tell of."""
        turns = self._turns
        turns[0] += 1
        turns[1] += messages
        turns[2] += interval

    def sum_up(self, service: str, when: float) -> None:
        """Queues an event for the turns up to here: what is added now comes after them."""
        for event in self._summed_up(service, when):
            self.ring.add(event)

    def _summed_up(self, service: str, when: float) -> list[Event]:
        turns, self._turns = self._turns, [0, 0, 0]
        return [TurnEvent(service, when, *turns)] if turns[0] and "turn" in self._kinds else []

    def batch(self, service: str, when: float) -> EventBatch | None:
        """What to send next; None where there is nothing.

        Args:
            service, when: for the event that sums up the turns, the last of the batch.
        """
        events, dropped = self.ring.drain(self._at_once)
        if not self.ring:
            self._errors = False
            events += self._summed_up(service, when)
        lost, self.lost = self.lost + dropped, 0
        if not events and not lost:
            return None
        self._told += lost
        return EventBatch(events, lost)

    @property
    def _at_once(self) -> int:
        return _AT_ONCE_WITH_ERRORS if self._errors else _AT_ONCE

    def trim(self) -> None:
        """Drops all but what fits the next batch, which is the last."""
        self.ring.trim(self._at_once)

    def lose(self, batch: EventBatch) -> None:
        """Counts the events of a batch as lost: it could not be sent."""
        self._told -= batch.dropped
        self.lost += batch.dropped + len(batch.events)
