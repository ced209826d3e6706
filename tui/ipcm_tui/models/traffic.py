"""What happens on the bus, newest last: a bounded list in which a request and its response,
and what both sides told of them, are one row.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable
from typing import Final

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
from ipcm_tui.models.peers import exit_text

__all__ = ["Row", "TrafficLog", "put_in_order"]

_CAPACITY: Final = 5000
_MOST_AT_ONCE: Final = 500
_LATE: Final = 2.0
"""Seconds after which what is told late stays behind what was told before it: a clock that is set
back must not hide what is new."""

# Who told of it: a request passes its sender, then its receiver, and so does its response.
_ASKED, _RECEIVED, _ANSWERED, _GOT_ANSWER = 1, 2, 4, 8


@dataclasses.dataclass(slots=True, eq=False)
class Row:
    """One line of traffic.

    Attributes:
        when: seconds since the epoch of the first that was heard of it.
        kind: "request", "general", "broadcast", "terminate"; or "peer", "worker", "signal",
            "error", "ended", which are no messages and have no target.
        source, target: peer names.
        what: the endpoint of a request, else what there is to say.
        state: of a request "open", "ok", "error", "lost" (a side left) or "missed" (events were
            dropped since, so that its response may have come unseen); of others "sent", "ok",
            "error", "open", "note".
        size, reply_size: bytes on the wire, None where unknown.
        latency: seconds in the service; round_trip: seconds as the asker saw it.
        preview, reply_preview: the beginning of the contents.
        number: how many rows had been added with it.
    """

    when: float
    kind: str
    source: str
    target: str = ""
    what: str = ""
    state: str = "note"
    id: int = 0
    size: int | None = None
    reply_size: int | None = None
    latency: float | None = None
    round_trip: float | None = None
    error: str | None = None
    preview: str | None = None
    reply_preview: str | None = None
    seen: int = 0
    stale: bool = False
    lost_before: int = 0
    number: int = 0

    @property
    def took(self) -> float | None:
        """The latency to show: the service's own, else the asker's."""
        return self.round_trip if self.latency is None else self.latency

    @property
    def is_request(self) -> bool:
        """Whether it is a request, with or without its response."""
        return self.kind == "request"

    @property
    def can_be_sent(self) -> bool:
        """Whether it is a message to somebody, which can be sent again."""
        return self.kind in ("request", "general") and bool(self.target)


_Key = tuple[str, str, int]


class TrafficLog:
    """The rows.

    Args:
        capacity: rows kept. most_at_once: message events looked at per `extend`; of more, the
            oldest are counted as skipped, so that a flood cannot take all of one's time.

    Attributes:
        capacity: rows kept. rows: newest last. added: rows ever added.
        changes: grows whenever anything changes.
        skipped: message events that were not looked at.
        lost: events that the observer never got, as told to `extend`.
    """

    def __init__(self, capacity: int = _CAPACITY, most_at_once: int = _MOST_AT_ONCE) -> None:
        self.rows: deque[Row] = deque()
        self.added = 0
        self.changes = 0
        self.skipped = 0
        self.lost = 0
        self.capacity = capacity
        self._most = most_at_once
        self._fresh: list[Row] = []
        self._index: dict[_Key, Row] = {}
        self._keys: dict[int, _Key] = {}
        # Rows by the peers that appear in them, so that a departure costs only its own rows.
        self._of_peer: dict[str, dict[int, Row]] = {}
        self._workers: dict[tuple[str, int], Row] = {}

    @property
    def dropped(self) -> int:
        """Events that are missing here, for whatever reason."""
        return self.skipped + self.lost

    def extend(self, events: Iterable[Event], lost: int = 0) -> None:
        """Takes in events, those of each service in order.

        Args:
            lost: events that the observer never got, in all.
        """
        events = list(events)
        surplus = sum(isinstance(event, MessageEvent) for event in events) - self._most
        # Turns come five times a second from every service, and are no news here.
        self.changes += sum(not isinstance(event, TurnEvent) for event in events)
        self.changes += max(lost - self.lost, 0)
        self.lost = max(self.lost, lost)
        for event in events:
            if isinstance(event, MessageEvent):
                if surplus > 0:
                    surplus -= 1
                    self.skipped += 1
                else:
                    self._message(event)
            else:
                self._other(event)
        put_in_order(self.rows, self._fresh)
        self._fresh.clear()
        while len(self.rows) > self.capacity:
            self._forget(self.rows.popleft())

    def state_of(self, row: Row) -> str:
        """The state, and "missed" for an open request whose answer may have been dropped."""
        if row.state == "open" and row.is_request and row.lost_before < self.dropped:
            return "missed"
        return row.state

    # Messages

    def _message(self, event: MessageEvent) -> None:
        if event.kind == "response":
            self._response(event)
            return
        source, target = _ends(event)
        view = _ASKED if event.direction == "out" else _RECEIVED
        key = (source, target, event.id)
        row = self._index.get(key)
        if row is not None and not row.stale and not row.seen & view:
            # The other side's account of what is known already, or a late one of the question.
            row.seen |= view
            row.what = row.what or event.endpoint
            row.size = event.size
            row.preview = row.preview if row.preview is not None else event.preview
            return
        kind = "broadcast" if event.broadcast else event.kind
        state = "open" if kind == "request" else "sent"
        row = Row(event.when, kind, source, target, event.endpoint, state, event.id)
        row.size, row.preview, row.seen = event.size, event.preview, view
        self._add(row, key)

    def _response(self, event: MessageEvent) -> None:
        answerer, asker = _ends(event)
        view = _ANSWERED if event.direction == "out" else _GOT_ANSWER
        key = (asker, answerer, event.id)
        row = self._index.get(key)
        if row is None or row.seen & view:
            row = Row(event.when, "request", asker, answerer, id=event.id)
            self._add(row, key)
        row.seen |= view
        row.what = row.what or event.endpoint
        row.state = "ok" if event.error is None else "error"
        row.error = event.error
        row.reply_size = event.size
        if row.reply_preview is None:
            row.reply_preview = event.preview
        if event.direction == "out":
            row.latency = event.latency
        else:
            row.round_trip = event.latency

    # The rest

    def _other(self, event: Event) -> None:
        match event:
            case PeerEvent(service="", peer=peer, change=change):
                if change < 0:
                    self._depart(peer)
                what = "joined" if change > 0 else "left"
                self._add(Row(event.when, "peer", peer, what=what))
            case WorkerEvent(change=1):
                row = Row(event.when, "worker", event.service, what=event.name, state="open")
                row.id = event.pid
                self._workers[event.service, event.pid] = row
                self._add(row)
            case WorkerEvent():
                self._worker_ended(event)
            case SignalEvent():
                times = f" x{event.count}" if event.count > 1 else ""
                self._add(Row(event.when, "signal", event.service, what=event.signal + times))
            case ErrorEvent():
                row = Row(event.when, "error", event.service, what=event.where, state="error")
                row.error, row.preview = event.error, event.traceback or None
                self._add(row)
            case TerminatedEvent():
                how = "" if event.value in (0, None) else f"with {event.value!r}"
                if event.error is not None:
                    how = f"by {event.error}"
                self._add(Row(event.when, "ended", event.service, what=how))

    def _worker_ended(self, event: WorkerEvent) -> None:
        row = self._workers.pop((event.service, event.pid), None)
        if row is None:
            row = Row(event.when, "worker", event.service, what=event.name, id=event.pid)
            self._add(row)
        else:
            row.latency = max(event.when - row.when, 0.0)
        row.state = "ok" if event.exit == 0 else "error"
        if event.exit != 0:
            row.error = exit_text(event.exit)

    def _depart(self, peer: str) -> None:
        for row in self._of_peer.pop(peer, {}).values():
            if row.state == "open":
                row.state = "lost"
            # Ids start again with the name's next life: nothing new may join these rows.
            row.stale = True
        for worker in [key for key in self._workers if key[0] == peer]:
            row = self._workers.pop(worker)
            row.state = "lost"

    def _add(self, row: Row, key: _Key | None = None) -> None:
        self._fresh.append(row)
        self.added += 1
        row.number = self.added
        row.lost_before = self.dropped
        if key is not None:
            self._index[key] = row
            self._keys[id(row)] = key
            for peer in key[:2]:
                self._of_peer.setdefault(peer, {})[id(row)] = row

    def _forget(self, row: Row) -> None:
        if row.kind == "worker" and self._workers.get((row.source, row.id)) is row:
            del self._workers[row.source, row.id]
        key = self._keys.pop(id(row), None)
        if key is None:
            return
        if self._index.get(key) is row:
            del self._index[key]
        for peer in key[:2]:
            rows = self._of_peer.get(peer)
            if rows is not None:
                rows.pop(id(row), None)
                if not rows:
                    del self._of_peer[peer]


def put_in_order(rows: deque[Row], fresh: Iterable[Row]) -> None:
    """Adds rows to others, the newest last.

    Each service tells by itself, some a moment later than others.
    """
    fresh = sorted(fresh, key=_when)
    if not fresh:
        return
    after: list[Row] = []
    while rows and fresh[0].when < rows[-1].when <= fresh[0].when + _LATE:
        after.append(rows.pop())
    rows.extend(sorted((*reversed(after), *fresh), key=_when))


def _when(row: Row) -> float:
    return row.when


def _ends(event: MessageEvent) -> tuple[str, str]:
    if event.direction == "out":
        return event.service, event.peer
    return event.peer, event.service
