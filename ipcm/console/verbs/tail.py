"""`tail`: what happens on a bus, as it happens."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

import msgspec

from ipcm._core.observation import (
    ErrorEvent,
    Event,
    MessageEvent,
    PeerEvent,
    SignalEvent,
    TerminatedEvent,
    TurnEvent,
    WorkerEvent,
)
from ipcm.bus import Bus
from ipcm.console.cells import filled, id_text, ms_text, plural, size_text, when_text
from ipcm.console.completion import complete_service
from ipcm.console.predicate import Predicate, parse_predicate
from ipcm.console.predicate_fields import fields_of
from ipcm.console.results import Span, Stream
from ipcm.console.selecting import filter_option
from ipcm.console.verb import Argument, Context, Option, Verb
from ipcm.console.waiting import gather, wait_for
from ipcm.errors import BusGone
from ipcm.observe.observer import Observer

__all__ = ["VERB", "event_line"]

_TELL_DROPS = 1.0
_SETTLE = 0.02

_FIELDS: Final = (
    "when",
    "service",
    "event",
    "direction",
    "kind",
    "peer",
    "id",
    "endpoint",
    "size",
    "latency",
    "error",
    "broadcast",
    "preview",
    "change",
    "pid",
    "name",
    "exit",
    "signal",
    "count",
    "where",
    "value",
    "turns",
    "messages",
    "interval",
)
"""The fields of all events together."""


_PREDICATE_FIELDS = fields_of(
    *get_args(Event),
    search=("service", "event", "kind", "peer", "endpoint", "name", "signal", "error", "preview"),
    seconds=("latency",),
    sizes=("size",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to follow, and for how long; see the options of `VERB`."""

    services: tuple[str, ...]
    seconds: float | None
    count: int | None
    turns: bool
    no_previews: bool
    predicate: Predicate | None = None

    def concerns(self, event: Event, services: Collection[str] = ()) -> bool:
        """Whether the event is one of those.

        Args:
            services: the names of all there are; what others send and get only they tell of.
        """
        if isinstance(event, TurnEvent) and not self.turns:
            return False
        if self.predicate is not None and not self.predicate(event_fields(event)):
            return False
        if not self.services or event.service in self.services:
            return True
        if isinstance(event, MessageEvent):
            return event.peer in self.services and event.peer not in services
        # Nobody in particular tells of those who come and go on the bus.
        return isinstance(event, PeerEvent) and not event.service and event.peer in self.services


def run(context: Context, filter: str | None, **options: Any) -> Stream[Event]:
    """See `VERB`."""
    predicate = parse_predicate(filter, _PREDICATE_FIELDS) if filter else None
    wanted = Wanted(predicate=predicate, **options)
    rows = _rows(context, context.find_bus(), wanted)
    endless = wanted.seconds is None and wanted.count is None
    return Stream(rows, event_line, _FIELDS, event_fields, endless)


def _rows(context: Context, bus: Bus, wanted: Wanted) -> Iterator[Event]:
    seconds = wanted.seconds
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    shown = 0
    with bus.observe(previews=not wanted.no_previews) as observer:
        for name in wanted.services:
            if name not in observer.presence:
                context.narrate(f"{name} is not on the bus yet")
        drops = _Drops(observer, context)
        known: set[str] = set()
        if context.terminal:
            context.narrate(f"watching bus {bus.name}; Ctrl-C ends it")
        while (left := deadline - time.monotonic()) > 0:
            wait = None if left == math.inf else left
            # Also those that have left: what they told of themselves may be on its way.
            known |= {n for n, peer in observer.presence.items() if peer.kind == "service"}
            for event in _settled(observer, wait_for(observer, wait, context.output)):
                if wanted.concerns(event, known):
                    yield event
                    shown += 1
                    if shown == wanted.count:
                        return
            drops.tell()
        drops.tell(at_once=True)


def _settled(observer: Observer, events: list[Event]) -> list[Event]:
    """With what others tell of the same moment, in the order in which it happened.

    Each service tells by itself, so that without a little patience a response is often shown
    before its request.
    """
    if events:
        with contextlib.suppress(BusGone):  # told once what came before it has been shown
            events += gather(observer, lambda: False, _SETTLE)
    return sorted(events, key=lambda event: event.when)


class _Drops:
    """Tells of events that never came, at most once a second."""

    def __init__(self, observer: Observer, context: Context) -> None:
        self._observer = observer
        self._context = context
        self._told = 0
        self._next = 0.0

    def tell(self, at_once: bool = False) -> None:
        new = self._observer.dropped - self._told
        now = time.monotonic()
        if new and (at_once or now >= self._next):
            self._context.narrate(f"{plural(new, 'event')} left out: too many to show")
            self._told += new
            self._next = now + _TELL_DROPS


def event_fields(event: Event) -> Mapping[str, Any]:
    """The event as one row: the fields that it has, of those that any event has."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return fields


def event_line(event: Event) -> list[Span]:
    """The event as one line: when, where, what, who, and details."""
    line: list[Span] = [
        (when_text(event.when), "faint"),
        (" ", ""),
        (filled(event.service or "(bus)", 9), "name"),
        (" ", ""),
    ]
    return line + _what(event)


def _what(event: Event) -> list[Span]:
    match event:
        case MessageEvent():
            return _message(event)
        case PeerEvent():
            sign, style = ("+", "good") if event.change > 0 else ("-", "bad")
            return [(f"{sign} {'peer':<11}", style), (event.peer, "")]
        case WorkerEvent():
            sign, style = ("+", "good") if event.change > 0 else ("-", "faint")
            end = "" if event.change > 0 else f"  exit {_exit(event.exit)}"
            return [(f"{sign} {'worker':<11}", style), (f"{event.name}  pid {event.pid}{end}", "")]
        case SignalEvent():
            times = f"  x{event.count}" if event.count > 1 else ""
            return [(f"! {'signal':<11}", "loud"), (f"{event.signal}{times}", "")]
        case ErrorEvent():
            return [(f"! {'error':<11}", "bad"), (f"{event.where}: {event.error}", "")]
        case TerminatedEvent():
            if event.error is not None:
                return [(f"! {'terminated':<11}", "bad"), (f"by {event.error}", "")]
            return [(f"! {'terminated':<11}", "loud"), (f"with {event.value!r}", "")]
        case TurnEvent():
            text = f"{plural(event.turns, 'turn')}, {plural(event.messages, 'message')}"
            return [(f"  {'turns':<11}", "faint"), (text, "faint")]


def _message(event: MessageEvent) -> list[Span]:
    arrow, style = ("<-", "in") if event.direction == "in" else ("->", "out")
    kind = "broadcast" if event.broadcast else event.kind
    spans: list[Span] = [(f"{arrow} {kind:<9}", style), (" ", ""), (filled(event.peer, 9), "name")]
    if event.kind in ("request", "response"):
        spans.append((f" {id_text(event.id):<5}", "faint"))
    if event.endpoint:
        spans.append((f" {event.endpoint}", "loud"))
    spans.append((f" {size_text(event.size)}", "faint"))
    if event.latency is not None:
        spans.append((f" {ms_text(event.latency)}", "faint"))
    if event.error:
        spans.append((f"  {event.error}", "bad"))
    elif event.preview is not None:
        spans.append((f"  {event.preview}", ""))
    return spans


def _exit(code: int | None) -> str:
    return "unknown" if code is None else str(code)


VERB = Verb(
    name="tail",
    summary="Follow messages, peers, workers, signals and errors as they happen",
    group="Look",
    run=run,
    result=MessageEvent,
    arguments=(
        Argument(
            "services",
            "Only what concerns these; clients too.",
            required=False,
            many=True,
            complete=complete_service,
        ),
    ),
    options=(
        Option(
            "seconds",
            ("-s", "--seconds"),
            "Then stop.",
            float,
            minimum=0.0,
            metavar="SECONDS",
        ),
        Option("count", ("-n", "--count"), "Stop after so many.", int, minimum=1, metavar="N"),
        filter_option("latency>20ms or error!=none", _PREDICATE_FIELDS),
        Option("turns", ("--turns",), "Turns of the services' loops too.", bool, False),
        Option("no_previews", ("--no-previews",), "Without what messages say.", bool, False),
    ),
    doc=(
        "Every service of the bus is watched, also those that come later; a message between two "
        "of them is seen twice, going out and coming in. The number behind # counts what the one "
        "who asks has sent; the machine formats have the whole id."
    ),
    examples=(
        ("", "until Ctrl-C"),
        ("store -n 20", "twenty events of the service `store`"),
        ("-o jsonl | jq 'select(.latency > 0.1)'", "what took long"),
    ),
)
