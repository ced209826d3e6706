"""What an observer gets: a frozen snapshot of a service, then events.

All of it is plain data (msgspec structs) that every serializer can carry. Times are seconds;
`when` and `started` are since the epoch, `uptime`, `age`, `loop_lag` and latencies are spans.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from ipcm.shown import Shown

__all__ = [
    "Call",
    "CallbackError",
    "EndedWorker",
    "ErrorEvent",
    "Event",
    "EventBatch",
    "Latency",
    "MessageEvent",
    "PeerChange",
    "PeerEvent",
    "ReapedChild",
    "RequestCounts",
    "SignalCount",
    "SignalEvent",
    "Snapshot",
    "TerminatedEvent",
    "TurnEvent",
    "WorkerEvent",
    "WorkerInfo",
]


class Latency(msgspec.Struct, frozen=True):
    """How a kind of request did.

    Attributes:
        count: answered since the service started.
        errors: of these, answered with an error.
        rate: answered per second, over the last ten seconds.
        p50, p95, p99: seconds from receipt to answer, since the start; 0 where count is 0.
    """

    count: int = 0
    errors: int = 0
    rate: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


class Call(Latency, frozen=True, kw_only=True):
    """How the requests of one peer for one endpoint did."""

    endpoint: str
    peer: str


class PeerChange(msgspec.Struct, frozen=True):
    """A peer came (+1) or left (-1)."""

    peer: str
    change: int
    when: float


class WorkerInfo(msgspec.Struct, frozen=True):
    """A live worker."""

    pid: int
    name: str
    age: float


class EndedWorker(msgspec.Struct, frozen=True):
    """A worker that ended; `exit` as subprocess gives it (code, or -signal), None if unknown."""

    pid: int
    name: str
    exit: int | None
    when: float


class ReapedChild(msgspec.Struct, frozen=True):
    """A child that was no worker, and how it ended."""

    pid: int
    exit: int
    when: float


class SignalCount(msgspec.Struct, frozen=True):
    """Deliveries that the wakeup fd saw, how many were dispatched, and when the last one came."""

    received: int = 0
    handled: int = 0
    last: float | None = None


class RequestCounts(msgspec.Struct, frozen=True):
    """Requests of a service since its start.

    Attributes:
        open: received and not answered yet. errors: answered with an error.
        awaited: sent and not answered yet. oldest: seconds since the first of the open ones came.
    """

    received: int = 0
    sent: int = 0
    open: int = 0
    errors: int = 0
    awaited: int = 0
    oldest: float = 0.0


class CallbackError(msgspec.Struct, frozen=True):
    """An exception of a callback or handler that did not end the service."""

    when: float
    where: str
    error: str
    traceback: str = ""


class Snapshot(Shown, msgspec.Struct, frozen=True):
    """A service at one moment.

    Attributes:
        state: "starting", "running" or "ending".
        interval: seconds between interval callbacks; cycle: seconds between timed turns.
        deltas: the last peers that came or left.
        requests: totals; total: latency of all answered requests; endpoints, clients, calls: the
            same per endpoint, per asking peer, and per endpoint and asking peer (of each 64 at
            most, then "other").
        backlog: messages accepted for a peer and not yet taken by the kernel.
        loop_lag: how long others had to wait for the last turn: as long as it took, or as it was
            late if it was a timed one and that is longer. worst_lag: the longest of the last ten
            seconds or more.
        errors: the last of callbacks and handlers. watched: pids whose end ends the service.
        drops: late, duplicate, unknown or forged responses, requests whose askers have left or wait
            no more, and answers that were not taken.
        read, sent: messages per peer.
        lost_events: events that were not sent to this observer, since it subscribed.
    """

    name: str
    pid: int
    incarnation: str
    state: str
    started: float
    uptime: float
    cycle: float
    interval: float
    turns: int = 0
    peers: list[str] = []
    deltas: list[PeerChange] = []
    workers: list[WorkerInfo] = []
    ended_workers: list[EndedWorker] = []
    workers_started: int = 0
    signals: dict[str, SignalCount] = {}
    requests: RequestCounts = RequestCounts()
    total: Latency = Latency()
    endpoints: dict[str, Latency] = {}
    clients: dict[str, Latency] = {}
    calls: list[Call] = []
    backlog: dict[str, int] = {}
    loop_lag: float = 0.0
    worst_lag: float = 0.0
    errors: list[CallbackError] = []
    reaped: list[ReapedChild] = []
    watched: list[int] = []
    drops: int = 0
    read: dict[str, int] = {}
    sent: dict[str, int] = {}
    lost_events: int = 0


class _Event(msgspec.Struct, frozen=True, gc=False, tag_field="event"):
    service: str
    when: float


class TurnEvent(_Event, frozen=True, tag="turn"):
    """Turns since the last such event, summed up."""

    turns: int
    messages: int
    interval: int


class MessageEvent(_Event, frozen=True, tag="message"):
    """A message that the service read or sent.

    Attributes:
        direction: "in" or "out". kind: general, request, response, terminate.
        id: of a request or response, the correlation id.
        endpoint: of a request or response for an endpoint, its name, else "". Of a response that
            the service reads it is known where its request was told of.
        size: bytes on the wire. latency: of a response, seconds from request to response.
        preview: the content as text, cut and redacted, or None where previews are off.
    """

    direction: str
    kind: str
    peer: str
    id: int
    endpoint: str = ""
    size: int = 0
    latency: float | None = None
    error: str | None = None
    broadcast: bool = False
    preview: str | None = None


class PeerEvent(_Event, frozen=True, tag="peer"):
    """A peer came (+1) or left (-1)."""

    peer: str
    change: int


class WorkerEvent(_Event, frozen=True, tag="worker"):
    """A worker started (+1) or ended (-1, with its exit)."""

    pid: int
    name: str
    change: int
    exit: int | None = None


class SignalEvent(_Event, frozen=True, tag="signal"):
    """`count` deliveries of a signal, seen in one turn."""

    signal: str
    count: int


class ErrorEvent(_Event, frozen=True, tag="error"):
    """An exception of a callback or handler: intercepted, or the one that ends the service."""

    where: str
    error: str
    traceback: str = ""


class TerminatedEvent(_Event, frozen=True, tag="terminated"):
    """The service leaves its loop.

    Attributes:
        value: the termination value; a preview of it where it is large or redacted.
        error: class and message of the exception that ends it, or None where it ends in order.
    """

    value: Any = None
    error: str | None = None


Event: TypeAlias = (
    TurnEvent | MessageEvent | PeerEvent | WorkerEvent | SignalEvent | ErrorEvent | TerminatedEvent
)


class EventBatch(msgspec.Struct, frozen=True):
    """What one turn sends an observer: events in order, and how many were left out before."""

    events: list[Event]
    dropped: int = 0
