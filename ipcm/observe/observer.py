"""Watching every service of a bus, as they come and go."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Iterator
from typing import Any, Self

import msgspec

from ipcm._core.filters import EventFilter
from ipcm._core.observation import Event, EventBatch, PeerEvent, Snapshot
from ipcm._core.patience import check_timeout
from ipcm._core.presence import PeerInfo
from ipcm._core.requests import Callback
from ipcm._core.subscription import ObserveOptions
from ipcm._os.signal_names import parse_signal
from ipcm.client import DEFAULT_TIMEOUT, Client
from ipcm.errors import BusGone, IPCMError, UnsupportedError, UsageError
from ipcm.message import Response
from ipcm.transports.base import Origin

__all__ = ["Observer", "check_rate", "signal_args"]

_ALL = 1e9
"""Message events a second that there never are; JSON knows no infinity."""
_PATIENCE = 1.0


class Observer:
    """The events and snapshots of all services of a bus, merged; `Bus.observe` makes one.

    A client that sends nothing but what it is asked for, and that services do not see among
    their peers. Nothing happens behind one's back: `poll` takes in what came.

    Attributes:
        presence: who is on the bus, by name, observers left out.
        snapshots: the last snapshot of each live service that is watched.
        descriptions: what services have said of themselves, when `ask_description` asked.
        dropped: events that never came, because there were too many.
        clock: what its time-outs are measured with.
    """

    def __init__(
        self,
        client: Client,
        wanted: EventFilter,
        options: ObserveOptions,
        *,
        read_only: bool,
    ) -> None:
        self.presence: dict[str, PeerInfo] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.descriptions: dict[str, Any] = {}
        self.dropped = 0
        self.read_only = read_only
        self.clock = client.clock
        self._client = client
        self._wanted = wanted
        self._options = options
        self._events: list[Event] = []
        self._came: deque[Event] = deque()
        self._batches: list[tuple[str, list[Event]]] = []
        self._asked: dict[str, float] = {}
        self._over = False
        client.on_events = self._on_events
        client.keep_changes = True
        try:
            # Those who join from here on know it; those who are there already are asked.
            client.port.want(options)
            for peer in client.port.subscribe():
                self._meet(peer)
        except BaseException:
            client.disconnect()
            raise

    @property
    def name(self) -> str:
        """The observer's own peer name."""
        return self._client.name

    @property
    def client(self) -> Client:
        """Its connection."""
        return self._client

    @property
    def over(self) -> bool:
        """Whether the bus ended; events may still wait for `poll`."""
        return self._over

    @property
    def owes(self) -> bool:
        """Whether events are left for `poll` although nothing comes in: another call has taken
        them in, or the filter, which failed, was in the way.
        """
        return bool(self._batches or self._came or self._events or self._client.changes)

    def fileno(self) -> int:
        """Readable when something came in for `poll`; -1 once closed.

        What another call has taken in, as `snapshot` does, waits without making it readable:
        `owes` tells of that.
        """
        return self._client.fileno()

    def poll(self, timeout: float | None = 0.0) -> list[Event]:
        """The events since the last poll, in the order they came in.

        A peer that comes or goes is a PeerEvent without service.

        Args:
            timeout: seconds to wait for the first one; None for ever.

        Raises:
            BusGone: the bus ended, and every event has been told.
        """
        timeout = check_timeout(timeout)
        deadline = math.inf if timeout is None else self.clock.monotonic() + timeout
        self._pump(0.0)
        while not (self._events or self._over):
            left = deadline - self.clock.monotonic()
            if left <= 0:
                break
            self._pump(None if left == math.inf else left)
        events, self._events = self._events, []
        if not events and self._over:
            raise BusGone("the bus ended")
        return events

    def ready(self, timeout: float | None = 0.0) -> bool:
        """Whether every service that is watched, and ready itself, has told of itself.

        From then on its events come; those that came meanwhile wait for `poll`.

        Args:
            timeout: seconds to wait for it; None for ever.

        Raises:
            BusGone: the bus ended.
        """
        timeout = check_timeout(timeout)
        deadline = math.inf if timeout is None else self.clock.monotonic() + timeout
        self._pump(0.0)
        while not self.complete:
            if self._over:
                raise BusGone("the bus ended")
            left = deadline - self.clock.monotonic()
            if left <= 0:
                return False
            self._pump(None if left == math.inf else left)
        return True

    @property
    def complete(self) -> bool:
        """Whether there is a snapshot of every service that is watched and ready."""
        return all(
            peer.name in self.snapshots
            for peer in self.presence.values()
            if peer.ready and self._watches(peer)
        )

    def __iter__(self) -> Iterator[Event]:
        """Events for as long as the bus lives."""
        while True:
            try:
                yield from self.poll(None)
            except BusGone:
                return

    def refresh(self) -> None:
        """Asks every service for a fresh snapshot; they come in with later polls."""
        now = self.clock.monotonic()
        for name in [peer.name for peer in self.presence.values() if self._watches(peer)]:
            if name not in self._asked:
                self._ask(name, ["snapshot", {}], now)

    @property
    def busy(self) -> dict[str, float]:
        """Services that have not answered for more than a second, and for how many."""
        now = self.clock.monotonic()
        return {name: now - since for name, since in self._asked.items() if now - since > _PATIENCE}

    def describe(self, service: str, timeout: float = _PATIENCE) -> Any:
        """What a service offers: class, docstring, endpoints with their schemas.

        Raises:
            NoSuchPeer, PeerGone, RequestTimeout.
        """
        return self._client.control(service, "describe", timeout)

    def ask_description(self, service: str) -> None:
        """Asks a service what it offers; that comes in with later polls, in `descriptions`."""

        def answered(response: Response, message: object) -> None:
            if response.ok and service in self.presence:
                self.descriptions[service] = response.payload

        with contextlib.suppress(IPCMError):  # it is leaving, or does not read
            self._client.send_request(
                service, ["describe", {}], answered, timeout=None, control=True
            )

    def snapshot(self, service: str, timeout: float = _PATIENCE) -> Snapshot:
        """A fresh snapshot; raises NoSuchPeer, PeerGone, RequestTimeout."""
        return msgspec.convert(self._client.control(service, "snapshot", timeout), Snapshot)

    def send_request(
        self, peer: str, payload: Any, *, timeout: float | None = DEFAULT_TIMEOUT
    ) -> int:
        """Sends a request as any client; its response comes in with later polls.

        Raises:
            UnsupportedError: the connection is read-only. NoSuchPeer.
        """
        self.check_writable("send a request")
        return self._client.send_request(peer, payload, timeout=timeout)

    def request(self, peer: str, payload: Any, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """Sends a request and waits for its answer; see `Client.request`.

        Raises:
            UnsupportedError: the connection is read-only.
            RemoteError, RequestTimeout, PeerGone, NoSuchPeer.
        """
        self.check_writable("send a request")
        return self._client.request(peer, payload, timeout)

    def get_response(self, id: int) -> Response | None:
        """The response, once it is there; each is told once."""
        return self._client.get_response(id)

    def terminate(self, service: str, timeout: float = _PATIENCE) -> None:
        """Asks a service to end; raises UnsupportedError where read-only, NoSuchPeer."""
        self.check_writable("terminate")
        self._client.control(service, "terminate", timeout)

    def ask_terminate(self, service: str, answered: Callback) -> None:
        """Asks a service to end, and does not wait.

        Args:
            answered: called with `(response, message)` in a later poll, once it has heeded that,
                refused it, or gone.

        Raises:
            UnsupportedError: the connection is read-only. NoSuchPeer.
        """
        self.check_writable("terminate")
        self._client.send_request(service, ["terminate", {}], answered, timeout=None, control=True)

    def signal(self, service: str, number: int | str, timeout: float = _PATIENCE) -> None:
        """Has a service signal itself.

        Raises:
            UnsupportedError: the connection is read-only. NoSuchPeer, NoSuchSignal.
        """
        self.check_writable("signal")
        self._client.control(service, "signal", timeout, **signal_args(number))

    def close(self) -> None:
        """Leaves the bus. Repeatable."""
        self._client.disconnect(flush=0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Taking in

    def _pump(self, timeout: float | None) -> None:
        client = self._client
        if not self._over:
            with client._entered():
                client.pump(timeout)
        # Nobody has anything to tell an observer but events; what came all the same goes.
        client.inbox.clear()
        changes, client.changes = client.changes, []
        for change in changes:
            peer = change.peer
            if peer is None:
                self._over = self._over or change.what in ("ended", "lost")
            elif peer.name == client.name or peer.kind == "observer":
                continue
            elif change.what == "left":
                self._take_batches(peer.incarnation)
                self._part(peer)
            else:
                self._meet(peer, told=change.what == "joined")
        self._take_batches()
        while self._came:
            event = self._came.popleft()
            if self._wanted.passes(event):
                self._events.append(event)

    def _take_batches(self, life: str | None = None) -> None:
        """Takes up events that came: of one life of a service, or of all.

        A service tells of itself from the first, so that its events may come with the word
        that it has joined; and none comes after the word that it has left. What was read of
        several connections at once has no order but that.
        """
        later: list[tuple[str, list[Event]]] = []
        for batch in self._batches:
            if life is None or batch[0] == life:
                self._came += batch[1]
            else:
                later.append(batch)
        self._batches = later

    def _meet(self, peer: PeerInfo, told: bool = False) -> None:
        if peer.kind == "observer":
            return
        new = peer.name not in self.presence
        self.presence[peer.name] = peer
        if told:
            self._came.append(PeerEvent("", self.clock.time(), peer.name, 1))
        if new and self._watches(peer):
            self._ask(peer.name, ["observe", self._options], self.clock.monotonic())

    def _part(self, peer: PeerInfo) -> None:
        self.presence.pop(peer.name, None)
        self.snapshots.pop(peer.name, None)
        self.descriptions.pop(peer.name, None)
        self._asked.pop(peer.name, None)
        self._came.append(PeerEvent("", self.clock.time(), peer.name, -1))

    def _watches(self, peer: PeerInfo) -> bool:
        return peer.kind == "service" and self._wanted.watches(peer.name)

    def _ask(self, service: str, words: list[Any], now: float) -> None:
        def answered(response: Response, message: object) -> None:
            self._asked.pop(service, None)
            if response.ok and service in self.presence:
                with contextlib.suppress(msgspec.ValidationError):  # of another version of ipcm
                    self.snapshots[service] = msgspec.convert(response.payload, Snapshot)

        try:
            self._client.send_request(service, words, answered, timeout=None, control=True)
        except IPCMError:
            return  # it is leaving, or does not read: its end is told, or it shows as busy
        finally:
            self._asked.setdefault(service, now)

    def _on_events(self, origin: Origin, content: Any) -> None:
        try:
            batch = msgspec.convert(content, EventBatch)
        except msgspec.ValidationError:
            self.dropped += 1
            return
        self._batches.append((origin.incarnation, batch.events))
        self.dropped += batch.dropped

    def check_writable(self, what: str) -> None:
        """Raises UnsupportedError where the connection is read-only."""
        if self.read_only:
            raise UnsupportedError(f"this observer is read-only and cannot {what}")


def signal_args(number: int | str) -> dict[str, int]:
    """What a service is told of a signal; raises NoSuchSignal where it is none."""
    sig = parse_signal(number)
    return {"signal": int(sig)}


def check_rate(rate: object) -> float:
    """Raises UsageError where that many message events a second cannot be asked for."""
    if isinstance(rate, int | float) and rate == rate:
        return float(min(max(rate, 0), _ALL))
    raise UsageError(f"rate has to be a number of events a second, and is {rate!r:.100}")
