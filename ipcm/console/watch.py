"""What a live view shows of a bus: a model that takes in events, and knows no screen.

Time comes in with what happens, so that the same events make the same picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ipcm._core.observation import (
    EndedWorker,
    Event,
    MessageEvent,
    PeerEvent,
    Snapshot,
    TerminatedEvent,
)
from ipcm.console.peers import PeerRow

__all__ = [
    "SPAN",
    "Change",
    "Exchange",
    "Picture",
    "Sample",
    "SignalRow",
    "WatchModel",
    "WorkerRow",
]

TRAFFIC: Final = 16
CHANGES: Final = 12
SAMPLES: Final = 400
SPAN: Final = 60.0
_SEEN: Final = 512
_ENDED: Final = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A peer came (+1) or left (-1), at a time since the epoch; `ended`: with what, or by what."""

    when: float
    peer: str
    change: int
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A message from one to another, as an arrow of a sequence diagram.

    Attributes:
        kind: request, response, general, broadcast or terminate. label: what stands at it.
        failed: a response with an error. latency: of a response, seconds.
    """

    when: float
    sender: str
    receiver: str
    kind: str
    label: str
    failed: bool = False
    latency: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """How long a service took for an answer, in seconds."""

    when: float
    service: str
    latency: float


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker of a service; `exit` is None while it lives, else the code, or "unknown"."""

    service: str
    name: str
    pid: int
    age: float | None
    exit: str | None


@dataclass(frozen=True, slots=True)
class SignalRow:
    """Deliveries of a signal that a service grabs."""

    service: str
    signal: str
    received: int
    handled: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All that a live view shows at one moment.

    Attributes:
        now: seconds since the epoch. over: the bus has ended.
        peers: rows as `ps` has them. dropped: events that never came.
    """

    now: float
    title: str
    peers: tuple[PeerRow, ...] = ()
    changes: tuple[Change, ...] = ()
    workers: tuple[WorkerRow, ...] = ()
    signals: tuple[SignalRow, ...] = ()
    traffic: tuple[Exchange, ...] = ()
    samples: tuple[Sample, ...] = ()
    dropped: int = 0
    over: bool = False


@dataclass(slots=True)
class WatchModel:
    """Takes in what an observer sees.

    Args:
        title: what is watched. service: only what concerns this one; None for all.
    """

    title: str
    service: str | None = None
    _changes: deque[Change] = field(default_factory=lambda: deque(maxlen=CHANGES))
    _traffic: deque[Exchange] = field(default_factory=lambda: deque(maxlen=TRAFFIC))
    _samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    _seen: dict[tuple[object, ...], None] = field(default_factory=dict)
    _ended: dict[str, str] = field(default_factory=dict)

    def take(self, events: Iterable[Event]) -> None:
        """Takes in events, in any order of services."""
        for event in sorted(events, key=lambda each: each.when):
            match event:
                case MessageEvent():
                    self._take_message(event)
                case PeerEvent() if not event.service:
                    self._take_change(event)
                case TerminatedEvent():
                    by = f"by {event.error}" if event.error else f"with {event.value!r}"
                    self._ended[event.service] = by

    def picture(
        self,
        now: float,
        peers: Iterable[PeerRow],
        snapshots: Mapping[str, Snapshot],
        dropped: int = 0,
        over: bool = False,
    ) -> Picture:
        """What there is to see now.

        Args:
            now: seconds since the epoch. peers: as `ps` has them.
            snapshots: of the services that have one.
        """
        chosen = [
            snapshot
            for name, snapshot in snapshots.items()
            if self.service is None or name == self.service
        ]
        return Picture(
            now=now,
            title=self.title,
            peers=tuple(row for row in peers if self.service in (None, row.name)),
            changes=tuple(self._changes),
            workers=tuple(row for snapshot in chosen for row in _workers(snapshot)),
            signals=tuple(
                SignalRow(snapshot.name, name, count.received, count.handled)
                for snapshot in chosen
                for name, count in snapshot.signals.items()
            ),
            traffic=tuple(self._traffic),
            samples=tuple(each for each in self._samples if now - each.when <= SPAN),
            dropped=dropped,
            over=over,
        )

    def _take_change(self, event: PeerEvent) -> None:
        if self.service in (None, event.peer):
            ended = self._ended.pop(event.peer, "") if event.change < 0 else ""
            self._changes.append(Change(event.when, event.peer, event.change, ended))

    def _take_message(self, event: MessageEvent) -> None:
        out = event.direction == "out"
        sender, receiver = (event.service, event.peer) if out else (event.peer, event.service)
        if self.service is not None and self.service not in (sender, receiver):
            return
        response = event.kind == "response"
        if response and out and event.latency is not None:
            self._samples.append(Sample(event.when, event.service, event.latency))
        # Between two services, both tell of it.
        key = (event.kind, event.id, sender, receiver)
        if key in self._seen:
            return
        self._seen[key] = None
        while len(self._seen) > _SEEN:
            del self._seen[next(iter(self._seen))]
        kind = "broadcast" if event.broadcast else event.kind
        label = event.error or event.endpoint or ("" if response else event.preview or "")
        self._traffic.append(
            Exchange(
                event.when, sender, receiver, kind, label, event.error is not None, event.latency
            )
        )


def _workers(snapshot: Snapshot) -> list[WorkerRow]:
    rows = [
        WorkerRow(snapshot.name, each.name, each.pid, each.age, None) for each in snapshot.workers
    ]
    ended: list[EndedWorker] = snapshot.ended_workers[-_ENDED:]
    for each in ended:
        exit = "unknown" if each.exit is None else str(each.exit)
        rows.append(WorkerRow(snapshot.name, each.name, each.pid, None, exit))
    return rows
