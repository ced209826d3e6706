"""The live streams of a service: who gets which events, at most how many, and what was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from ipcm._core.observation import Event, EventBatch
from ipcm._core.ring import Ring

__all__ = ["ObserveOptions", "Subscription", "make_preview"]

PREVIEW_BYTES: Final = 256
_MOST_WAITING: Final = 10_000


class ObserveOptions(msgspec.Struct, frozen=True):
    """What an observer asks for.

    Attributes:
        messages: whether it wants message events at all.
        previews: whether these carry the content's beginning.
        rate: message events per second at the most; the rest is counted.
    """

    messages: bool = True
    previews: bool = True
    rate: float = 2000.0


class Subscription:
    """One observer's stream: a bounded ring and a budget for message events."""

    __slots__ = ("_budget", "_refilled", "life", "lost", "options", "ring")

    def __init__(self, options: ObserveOptions, now: float, life: str = "") -> None:
        self.life = life
        self.options = options
        self.ring: Ring[Event] = Ring(_MOST_WAITING)
        self.lost = 0
        self._budget = max(options.rate, 1.0) if options.rate > 0 else 0.0
        self._refilled = now

    def wants(self, now: float) -> bool:
        """Whether one more message event fits the budget; counts it as lost where not."""
        if not self.options.messages:
            return False
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
        return True

    def add(self, event: Event) -> None:
        """Queues an event."""
        self.ring.add(event)

    def batch(self) -> EventBatch | None:
        """What to send now; None where there is nothing."""
        if not len(self.ring) and not self.lost:
            return None
        events, dropped = self.ring.drain()
        lost, self.lost = self.lost + dropped, 0
        return EventBatch(events, lost)

    def keep(self, batch: EventBatch) -> None:
        """A batch that could not be sent: its events count as lost."""
        self.lost += batch.dropped + len(batch.events)


def make_preview(content: Any, redact: Callable[[Any], Any] | None = None) -> str:
    """The content as text, cut at 256 bytes.

    Args:
        redact: takes the content and returns what may be shown.
    """
    if redact is not None:
        content = redact(content)
    try:
        raw = msgspec.json.encode(content)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        raw = repr(content).encode(errors="replace")
    if len(raw) <= PREVIEW_BYTES:
        return raw.decode(errors="replace")
    return raw[: PREVIEW_BYTES - 3].decode(errors="ignore") + "..."
