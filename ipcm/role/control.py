"""The control plane of a service: it answers observers, and never reaches user hooks."""

from __future__ import annotations

import math
from collections.abc import Callable
from signal import Signals
from typing import TYPE_CHECKING, Any

import msgspec

from ipcm._core.clock import Clock
from ipcm._core.envelope import BROADCAST, EVENTS, REQUEST, RESPONSE, Envelope
from ipcm._core.observation import (
    Event,
    EventBatch,
    MessageEvent,
    RequestCounts,
    Snapshot,
    TerminatedEvent,
    WorkerInfo,
)
from ipcm._core.patience import check_seconds
from ipcm._core.presence import PeerInfo
from ipcm._core.preview import ERROR_CHARACTERS, cut_text, make_preview, make_value
from ipcm._core.subscription import ObserveOptions, Subscription
from ipcm._os.process import identify, send_signal
from ipcm._os.signal_names import parse_signal
from ipcm.errors import (
    ContentError,
    IPCMError,
    MessageTooLarge,
    NoSuchPeer,
    UnsupportedError,
    UsageError,
)
from ipcm.message import Message
from ipcm.role.endpoints import endpoint_name
from ipcm.role.hooks import Hooks
from ipcm.role.text import format_error
from ipcm.transports.base import Origin

if TYPE_CHECKING:
    from ipcm.role.role import ServiceRole

__all__ = ["Control"]

_WRONG = (OSError, ValueError, TypeError, OverflowError)
"""What arguments lead to that are not what they should be."""
_RETRY = 0.25
_MOMENT = 0.1
_MOST_AWAITED = 2000  # more than a subscription remembers
_KINDS = ("general", "general", "request", "response", "terminate")
_MESSAGES = len(_KINDS)
_ASKED = {"in": "out", "out": "in"}
"""Which way a request went, by which way its answer goes."""
_SMALL = 1024
"""Bytes on the wire of content that makes a text of a few kilobytes at the most."""


class Control:
    """Answers `describe snapshot observe unobserve terminate signal`, and emits events."""

    def __init__(self, service: ServiceRole) -> None:
        self._service = service
        self._next_flush = -math.inf
        # No observer's budget has room for another message until the next flush; so many came.
        self._spent = False
        self._missed = 0
        # Requests that somebody has been told of, who will be told of their answers too: the
        # endpoint of each id.
        self._awaited: dict[int, str] = {}

    @property
    def _clock(self) -> Clock:
        return self._service._ipcm_state.clock

    # Verbs

    def on_control(self, origin: Origin, envelope: Envelope) -> None:
        """One word from an observer: `[verb, arguments]`."""
        result, error = None, None
        try:
            verb, args = msgspec.convert(envelope.content, tuple[str, dict[str, Any]])
            result = self._run(origin, verb, args)
        except (msgspec.ValidationError, IPCMError, *_WRONG) as failure:
            error = str(failure)
        except Exception as failure:  # noqa: BLE001 (somebody looks: the service must not suffer)
            error = format_error(failure)
        answer = Envelope(RESPONSE, envelope.id, result, error, self._clock.time())
        try:
            self._send(origin.name, answer)
        except (ContentError, MessageTooLarge) as failure:
            answer.content, answer.aux = None, f"the answer cannot be sent: {failure}"
            self._send(origin.name, answer)

    def _run(self, origin: Origin, verb: str, args: dict[str, Any]) -> Any:
        match verb:
            case "snapshot":
                return self.snapshot(origin.name)
            case "describe":
                return self.describe()
            case "observe":
                options = msgspec.convert(args, ObserveOptions)
                self._subscribe(origin.name, origin.incarnation, options)
                return self.snapshot(origin.name)
            case "unobserve":
                self.forget(origin.name, origin.incarnation)
                return None
        if origin.read_only:
            raise UsageError("this connection is read-only")
        match verb:
            case "terminate":
                self._service.terminate(args.get("value", 0))
                return None
            case "signal":
                if self._service._ipcm_state.threaded:
                    raise UnsupportedError("this service is a thread of a process with others")
                send_signal(identify(), _parse_signal(args.get("signal")))
                return None
        raise UsageError(f"the control plane has no {verb!r}")

    def tell_observers(self, there: list[PeerInfo]) -> None:
        """Begins the streams of observers that want the services still to come, too."""
        for peer in there:
            if peer.wants is not None and peer.wants.watches(self._service.name):
                self._subscribe(peer.name, peer.incarnation, peer.wants)

    def _subscribe(self, observer: str, life: str, options: ObserveOptions) -> None:
        subscriptions = self._service._ipcm_state.subscriptions
        before = subscriptions.get(observer)
        if before is not None and (before.life, before.options) == (life, options):
            return  # it is told already, and what waits for it is not to be lost
        self._count_missed()
        subscriptions[observer] = Subscription(options, self._clock.monotonic(), life)
        self._install()

    def describe(self) -> dict[str, Any]:
        """What the service offers: its class, docstring and endpoints."""
        service = self._service
        return {
            "name": service.name,
            "class": f"{type(service).__module__}.{type(service).__qualname__}",
            "doc": type(service).__doc__ or "",
            "endpoints": [endpoint.describe() for endpoint in service.endpoints()],
        }

    def snapshot(self, asker: str = "") -> Snapshot:
        """The service at this moment; see `Snapshot`."""
        service, state = self._service, self._service._ipcm_state
        telemetry, client = state.telemetry, service.client()
        now = self._clock.monotonic()
        self._count_missed()
        subscription = state.subscriptions.get(asker)
        return Snapshot(
            name=service.name,
            pid=service.pid,
            incarnation=client.incarnation,
            state=state.phase,
            started=state.started_at,
            uptime=now - state.started,
            cycle=check_seconds(service.cycle, "cycle"),
            interval=check_seconds(service.interval, "interval"),
            turns=telemetry.turns,
            # Not by a look of its own: it is asked for in the middle of one, and what came behind
            # would overtake what that has found.
            peers=[peer.name for peer in client.others()],
            deltas=list(telemetry.deltas),
            workers=[
                WorkerInfo(pid, worker.name, now - worker.started)
                for pid, worker in state.workers.items()
            ],
            ended_workers=list(telemetry.ended_workers),
            workers_started=telemetry.workers_started,
            signals=telemetry.signals(),
            requests=self._requests(now),
            total=telemetry.total(now),
            endpoints=telemetry.endpoints(now),
            clients=telemetry.clients(now),
            calls=telemetry.calls(now),
            backlog=client.port.backlog(),
            loop_lag=telemetry.loop_lag,
            worst_lag=telemetry.worst_lag.value(now),
            errors=list(telemetry.errors),
            reaped=list(telemetry.reaped),
            watched=[who.pid for who in state.watched.values()],
            drops=telemetry.drops + client.stats.dropped,
            read=dict(client.stats.read),
            sent=dict(client.stats.sent),
            lost_events=subscription.lost_ever if subscription else 0,
        )

    def _requests(self, now: float) -> RequestCounts:
        state, table = self._service._ipcm_state, self._service.client().requests
        awaited = sum(not asked.control for asked in table.open.values())
        # In the order in which they came.
        first = next(iter(state.open.values()), None)
        oldest = 0.0 if first is None else now - first.received
        return state.telemetry.requests(len(state.open), awaited, oldest)

    # Events

    def emit(self, event: Event) -> None:
        """Queues an event for every observer."""
        subscriptions = self._service._ipcm_state.subscriptions
        for subscription in subscriptions.values():
            subscription.add(event)
        if subscriptions:
            self._expect_flush()

    def emit_end(self, value: Any, error: str | None) -> None:
        """Queues the event of the end for every observer, after all turns."""
        name, now = self._service.name, self._clock.time()
        subscriptions = self._service._ipcm_state.subscriptions
        for subscription in subscriptions.values():
            subscription.sum_up(name, now)
            shown = make_value(value, self._redact(), previews=subscription.options.previews)
            subscription.add(TerminatedEvent(name, now, shown, error))

    def emit_turn(self, messages: int, interval: bool) -> None:
        """Counts a turn in for every observer."""
        for subscription in self._service._ipcm_state.subscriptions.values():
            subscription.add_turn(messages, interval)

    def _expect_flush(self) -> None:
        """What a coroutine does between two turns is told in its time, too."""
        state = self._service._ipcm_state
        if state.flush_due == math.inf:
            state.flush_due = self._next_flush

    def flush(self, *, now: bool = False) -> None:
        """Sends each observer what its ring holds; one that does not read loses it in the end.

        Each at its own pace (`Subscription.gap`): what comes in between waits for its time.

        Args:
            now: whatever the time is.
        """
        state = self._service._ipcm_state
        time = self._clock.monotonic()
        if not now and time < self._next_flush:
            state.flush_due = self._next_flush
            return
        self._spent = False
        self._count_missed()
        backlog = self._service.client().port.backlog() if state.subscriptions else {}
        state.flush_due = self._next_flush = math.inf
        for name, subscription in list(state.subscriptions.items()):
            if name in backlog:
                # Its ring fills meanwhile, and counts what does not fit. Turns that come anyway
                # look again soon; one that comes for nothing else does so now and then.
                subscription.due = time + subscription.gap
                state.flush_due = min(state.flush_due, time + _RETRY)
            elif now or time >= subscription.due:
                subscription.due = time + subscription.gap
                self._send_batches(name, subscription)
                if subscription.waiting:  # it does not read
                    state.flush_due = min(state.flush_due, time + _RETRY)
            elif subscription.waiting:
                state.flush_due = min(state.flush_due, subscription.due)
            self._next_flush = min(self._next_flush, subscription.due)

    def _send_batches(self, to: str, subscription: Subscription) -> None:
        """All that waits, or as much as the kernel takes."""
        port, when = self._service.client().port, self._clock.time()
        while (batch := subscription.batch(self._service.name, when)) is not None:
            if not self._tell(to, subscription, batch, when) or to in port.backlog():
                return

    def _tell(self, to: str, subscription: Subscription, batch: EventBatch, when: float) -> bool:
        """Sends a batch, in parts where it is too large; what cannot be sent counts as lost.

        Returns:
            False where the observer takes nothing.
        """
        try:
            taken = self._send(to, Envelope(EVENTS, 0, batch, None, when))
        except (ContentError, MessageTooLarge):
            half = len(batch.events) // 2
            if half:
                events, dropped = batch.events, batch.dropped
                parts = EventBatch(events[:half], dropped), EventBatch(events[half:])
                told = [self._tell(to, subscription, part, when) for part in parts]
                return all(told)
            subscription.lose(batch)
            return bool(batch.events)
        if not taken:
            subscription.lose(batch)
        return taken

    def close(self) -> None:
        """The last events; an observer that is behind has a moment to read what came before them.

        Nobody waits for one that is stopped. For it the kernel takes the newest events and the
        number of those left out, so that it learns of both when it goes on.
        """
        service, monotonic = self._service, self._clock.monotonic
        client, subscriptions = service.client(), service._ipcm_state.subscriptions
        self.flush(now=True)
        deadline = monotonic() + _MOMENT
        while self._behind() and (left := deadline - monotonic()) > 0:
            client.take_in(left)
            self.flush(now=True)
        if behind := self._behind():
            for name in behind:
                client.port.widen(name)
                subscriptions[name].trim()
            client.port.flush()
            self.flush(now=True)

    def _behind(self) -> list[str]:
        """Observers that have not been told everything."""
        waiting = self._service.client().port.backlog()
        subscriptions = self._service._ipcm_state.subscriptions
        return [name for name, s in subscriptions.items() if s.waiting or name in waiting]

    def forget(self, observer: str, life: str) -> None:
        """An observer (this incarnation of it) left, or wants no more."""
        subscriptions = self._service._ipcm_state.subscriptions
        if observer in subscriptions and subscriptions[observer].life == life:
            self._count_missed()
            del subscriptions[observer]
            self._install()

    def _install(self) -> None:
        """Hooks into the client's traffic only while somebody watches."""
        self._spent = False
        self._next_flush = -math.inf
        client, state = self._service.client(), self._service._ipcm_state
        if not state.subscriptions:
            state.flush_due = math.inf  # nobody is left for whom the loop would have to wake up
        watched = any(s.messages for s in state.subscriptions.values())
        client.on_read = self._on_read if watched else None
        client.on_sent = self._on_sent if watched else None

    def _hearers(
        self, kind: str, direction: str, peer: str, id: int, endpoint: str
    ) -> list[Subscription]:
        """The streams that have room for one more message event now."""
        asks = (direction, peer, id) if kind == "request" else None
        answers = (_ASKED[direction], peer, id) if kind == "response" else None
        now = self._clock.monotonic()
        subscriptions = self._service._ipcm_state.subscriptions.values()
        hearers = [s for s in subscriptions if s.wants(now, asks, answers)]
        self._spent = not hearers
        if answers is not None:
            self._awaited.pop(id, None)
        elif asks is not None and hearers:
            if len(self._awaited) >= _MOST_AWAITED * len(subscriptions):
                known = {asked[2] for each in subscriptions for asked in each.asked}
                self._awaited = {id: name for id, name in self._awaited.items() if id in known}
            self._awaited[id] = endpoint
        return hearers

    def _count_missed(self) -> None:
        """Messages that nobody had room for were only counted as they came."""
        if self._missed:
            for subscription in self._service._ipcm_state.subscriptions.values():
                subscription.miss(self._missed)
            self._missed = 0

    def _on_read(self, message: Message, size: int) -> None:
        if self._spent and not (message.id in self._awaited and message.kind == "response"):
            self._missed += 1
            return
        endpoint = ""
        if message.kind == "request":
            endpoint = endpoint_name(message.content)
        elif message.kind == "response":
            endpoint = self._awaited.get(message.id, "")
        hearers = self._hearers(message.kind, "in", message.sender, message.id, endpoint)
        if not hearers:
            return
        table = self._service.client().requests
        latency = None
        if message.kind == "response":
            latency = table.age(message.id, self._clock.monotonic())
        self._message_event(
            hearers, "in", message.kind.value, message.sender, message.id, endpoint,
            message.content, size, latency, message.error, message.broadcast, self._clock.time(),
        )  # fmt: skip

    def _on_sent(self, envelope: Envelope, to: str, size: int) -> None:
        if envelope.kind >= _MESSAGES:
            return
        if self._spent and not (envelope.id in self._awaited and envelope.kind == RESPONSE):
            self._missed += 1
            return
        endpoint, latency = "", None
        answering = self._service._ipcm_state.answering
        if envelope.kind == REQUEST:
            endpoint = endpoint_name(envelope.content)
        elif envelope.kind == RESPONSE and answering is not None:
            endpoint = answering.endpoint
            latency = self._clock.monotonic() - answering.received
        hearers = self._hearers(_KINDS[envelope.kind], "out", to, envelope.id, endpoint)
        if not hearers:
            return
        error = envelope.aux if isinstance(envelope.aux, str) else None
        # From before it was written: the other side may have read it by now.
        self._message_event(
            hearers, "out", _KINDS[envelope.kind], to, envelope.id, endpoint, envelope.content,
            size, latency, error, envelope.kind == BROADCAST, envelope.stamp,
        )  # fmt: skip

    def _message_event(
        self,
        hearers: list[Subscription],
        direction: str,
        kind: str,
        peer: str,
        id: int,
        endpoint: str,
        content: Any,
        size: int,
        latency: float | None,
        error: str | None,
        broadcast: bool,
        when: float,
    ) -> None:
        shown: MessageEvent | None = None
        service, redact = self._service, self._redact()
        error = None if error is None else cut_text(error, ERROR_CHARACTERS)
        for subscription in hearers:
            previews = subscription.options.previews
            if shown is None or (shown.preview is None) == previews:
                preview = make_preview(content, redact, small=size < _SMALL) if previews else None
                shown = MessageEvent(
                    service.name, when, direction, kind, peer, id, endpoint, size, latency,
                    error, broadcast, preview,
                )  # fmt: skip
            subscription.ring.add(shown)  # that it is wanted has been asked already
        self._expect_flush()

    def _redact(self) -> Callable[[Any], Any] | None:
        service = self._service
        return service.redact if Hooks._ipcm_has(service, "redact") else None

    def _send(self, to: str, envelope: Envelope) -> bool:
        """Sends; False where it is not taken, for its receiver has gone or does not read.

        Raises:
            ContentError, MessageTooLarge: nobody could take it.
        """
        try:
            self._service.client().port.send(to, envelope)
        except (ContentError, MessageTooLarge):
            raise
        except NoSuchPeer:
            if (gone := self._service._ipcm_state.subscriptions.get(to)) is not None:
                self.forget(to, gone.life)
            return False
        except IPCMError:
            return False
        return True


def _parse_signal(signal: object) -> Signals:
    if not isinstance(signal, int | str):
        raise UsageError(f"{signal!r:.40} is no signal")
    return parse_signal(signal)
