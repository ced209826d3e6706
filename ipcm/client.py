"""This process's place on a bus under one peer name."""

from __future__ import annotations

import itertools
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from ipcm._core.businfo import BusInfo
from ipcm._core.envelope import (
    BROADCAST,
    CONTROL,
    EVENTS,
    GENERAL,
    REQUEST,
    RESPONSE,
    TERMINATE,
    Envelope,
)
from ipcm._core.outcome import Outcome
from ipcm._core.requests import Callback, Ending, RequestTable
from ipcm.errors import (
    BusGone,
    ConcurrentUse,
    IPCMError,
    RemoteError,
    UnsupportedError,
    UsageError,
    WrongProcess,
)
from ipcm.message import Kind, Message, Response
from ipcm.transports.base import Arrival, Change, Origin, PeerInfo, Port

__all__ = ["DEFAULT_TIMEOUT", "Client", "Stats"]

DEFAULT_TIMEOUT: Final = 30.0
"""Seconds that a request waits where no time-out is given."""

_KINDS: Final = {
    GENERAL: Kind.GENERAL,
    BROADCAST: Kind.GENERAL,
    REQUEST: Kind.REQUEST,
    RESPONSE: Kind.RESPONSE,
    TERMINATE: Kind.TERMINATE,
}


class Stats:
    """Messages per peer.

    Attributes:
        read, sent: peer name to count. dropped: messages thrown away (late, duplicate or
            forged responses, requests over a read-only connection, unknown kinds).
    """

    __slots__ = ("dropped", "read", "sent")

    def __init__(self) -> None:
        self.read: dict[str, int] = {}
        self.sent: dict[str, int] = {}
        self.dropped = 0

    def __repr__(self) -> str:
        return f"Stats(read={self.read}, sent={self.sent}, dropped={self.dropped})"


class Client:
    """A connection to a bus; `ipcm.connect` makes one.

    It belongs to one process (`WrongProcess` elsewhere) and to one thread at a time
    (`ConcurrentUse`). Nothing is sent or received behind one's back: what the kernel has not
    taken goes out, and what came in is taken in, at the next call.

    Args:
        port: the place on the transport; the client closes it.
        info: of the bus.
        settle: whether responses end their requests as they come in; a service has them
            wait for their turn of its loop.

    Attributes:
        name: its peer name. pid: the process it belongs to. stats: messages read and sent.
    """

    def __init__(self, port: Port, info: BusInfo, *, settle: bool = True) -> None:
        self.name = port.name
        self.pid = os.getpid()
        self.stats = Stats()
        self.disconnected = False
        self.requests = RequestTable()
        self.inbox: deque[Message] = deque()
        self.changes: list[Change] = []
        self.keep_changes = False
        self.on_control: Callable[[Origin, Envelope], None] | None = None
        self.on_events: Callable[[Origin, Any], None] | None = None
        self.on_read: Callable[[Message, int], None] | None = None
        self.on_sent: Callable[[Envelope, str, int], None] | None = None
        self._port = port
        self._info = info
        self._settle = settle
        self._ids = itertools.count(1)
        self._lock = threading.RLock()

    @property
    def ipcm_info(self) -> str:
        """The info string of the bus."""
        return str(self._info)

    @property
    def incarnation(self) -> str:
        """This life of the name: 32 hex digits."""
        return self._port.incarnation

    @property
    def port(self) -> Port:
        """The transport's side of this client."""
        return self._port

    def fileno(self) -> int:
        """A descriptor that is readable when something came in; -1 once disconnected."""
        return -1 if self.disconnected else self._port.fileno()

    def __repr__(self) -> str:
        state = "disconnected" if self.disconnected else f"on {self._info.route}"
        return f"<Client {self.name!r} {state}>"

    # Sending

    def send_message(self, to: str, content: Any) -> int:
        """Sends a general message.

        Returning means queued: the kernel takes what it can at once, the rest goes on any
        later call. Only a response proves that somebody handled it.

        Returns:
            The message's id.

        Raises:
            NoSuchPeer, Backpressure, ContentError, MessageTooLarge, BusGone: nothing was queued.
        """
        with self._entered():
            return self._send(to, GENERAL, content)

    def try_message(self, to: str, content: Any) -> Outcome:
        """Sends like `send_message`; an Outcome says how it went, with the id as its `out`."""
        try:
            return Outcome(True, None, self.send_message(to, content))
        except IPCMError as error:
            if isinstance(error, WrongProcess | ConcurrentUse):
                raise
            return Outcome(False, error)

    def broadcast(self, content: Any) -> dict[str, Outcome]:
        """Sends to every peer but oneself and observers.

        Returns:
            An Outcome per peer.
        """
        results: dict[str, Outcome] = {}
        with self._entered():
            for peer in self._others():
                try:
                    results[peer.name] = Outcome(
                        True, None, self._send(peer.name, BROADCAST, content)
                    )
                except (IPCMError, OSError) as error:
                    results[peer.name] = Outcome(False, error)
        return results

    def requeue_message(self, message: Message) -> None:
        """Puts a message back: the next `get_messages` returns it, after what waits already."""
        with self._entered():
            self.inbox.append(message)

    def flush(self, timeout: float | None = None) -> bool:
        """Waits (seconds; None: for ever) until the kernel has all that was sent.

        Returns:
            False where the time-out came first.
        """
        with self._entered():
            return self._port.flush(timeout)

    def _send(self, to: str, kind: int, content: Any, aux: Any = None, id: int = 0) -> int:
        id = id or next(self._ids)
        if to == self.name:
            return self._send_to_self(kind, content, id)
        envelope = Envelope(kind, id, content, aux, time.time())
        size = self._port.send(to, envelope)
        sent = self.stats.sent
        sent[to] = sent.get(to, 0) + 1
        if self.on_sent is not None:
            self.on_sent(envelope, to, size)
        if self._port.changes:
            self._heed_changes()
        return id

    def _send_to_self(self, kind: int, content: Any, id: int) -> int:
        if kind not in (GENERAL, BROADCAST):
            raise UsageError(f"{self.name!r} cannot ask itself: nobody would be there to answer")
        self.inbox.append(Message(id, self.name, self.name, content, stamp=time.time()))
        return id

    def respond(self, to: str, kind: int, id: int, content: Any, error: str | None) -> None:
        """Sends an answer; `id` is the request's."""
        with self._entered():
            self._send(to, kind, content, error, id)

    # Receiving

    def get_messages(self, timeout: float | None = 0.0) -> list[Message]:
        """Takes what came in, in order per sender.

        Args:
            timeout: seconds to wait where nothing is there; None for ever.

        Raises:
            BusGone: nothing is there, and nothing will come.
        """
        with self._entered():
            deadline = math.inf if timeout is None else time.monotonic() + timeout
            self.pump(0.0)
            while not self.inbox:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._check_bus()
                self.pump(None if left == math.inf else left)
            return self.take_inbox()

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Takes in what came, and calls callbacks; waits at most `timeout` seconds for it.

        Returns:
            Whether messages wait for `get_messages`.
        """
        with self._entered():
            self.pump(0.0)
            if not self.inbox and timeout != 0:
                self._check_bus()
                self.pump(timeout)
            return bool(self.inbox)

    def take_inbox(self) -> list[Message]:
        """What has been taken in so far."""
        messages = list(self.inbox)
        self.inbox.clear()
        return messages

    def pump(self, timeout: float | None = 0.0, *, spin: bool = False, awaiting: int = 0) -> None:
        """Takes in what is there, waiting at most once, and ends requests that are due.

        Args:
            timeout: seconds; None waits until something happens.
            spin: see `Port.receive`.
            awaiting: the id of a request whose response is settled at once, whatever the mode.
        """
        port = self._port
        table = self.requests
        soonest = table.soonest
        if timeout != 0 and soonest < math.inf:
            left = max(soonest - time.monotonic(), 0.0)
            timeout = left if timeout is None or left < timeout else timeout
        arrivals = port.receive(timeout, spin=spin)
        endings = [e for a in arrivals if (e := self._take(a, awaiting))] if arrivals else []
        if port.changes:
            endings += self._heed_changes()
        if table.soonest < math.inf:
            endings += table.expire(time.monotonic())
        for ending in endings:
            self.on_ending(ending)

    def on_ending(self, ending: Ending) -> None:
        """Calls the callback of a request that ended; a service puts its own way here."""
        ending.callback(ending.response, ending.message)

    def _take(self, arrival: Arrival, awaiting: int) -> Ending | None:
        origin, envelope, size = arrival
        code = envelope.kind
        sender = origin.name
        kind = _KINDS.get(code)
        if kind is None:
            self._take_control(origin, envelope)
            return None
        read = self.stats.read
        read[sender] = read.get(sender, 0) + 1
        id = envelope.id
        message = Message(
            id,
            sender,
            self.name,
            envelope.content,
            kind,
            id if code in (REQUEST, RESPONSE) else None,
            envelope.stamp,
            code == BROADCAST,
            envelope.aux if code == RESPONSE else None,
            envelope.aux if code == REQUEST else None,
        )
        if origin.read_only and code in (REQUEST, TERMINATE):
            self.stats.dropped += 1
            if code == REQUEST:
                self._refuse(origin, id, "this connection is read-only")
            return None
        if self.on_read is not None:
            self.on_read(message, size)
        if code == RESPONSE and (self._settle or id == awaiting):
            return self.requests.answer(message)
        self.inbox.append(message)
        return None

    def _take_control(self, origin: Origin, envelope: Envelope) -> None:
        if envelope.kind == CONTROL and self.on_control is not None:
            self.on_control(origin, envelope)
        elif envelope.kind == CONTROL:
            self._refuse(origin, envelope.id, "not a service")
        elif envelope.kind == EVENTS and self.on_events is not None:
            self.on_events(origin, envelope.content)
        else:
            self.stats.dropped += 1

    def _refuse(self, origin: Origin, id: int, why: str) -> None:
        answer = Envelope(RESPONSE, id, None, why, time.time())
        try:
            self._port.send(origin.name, answer)
        except IPCMError:
            self.stats.dropped += 1

    def _heed_changes(self) -> list[Ending]:
        changes, self._port.changes = self._port.changes, []
        endings: list[Ending] = []
        for change in changes:
            if change.what == "left" and change.peer is not None:
                endings += self.requests.gone(change.peer.name)
        self.changes += changes
        if self.keep_changes or not self._settle:
            return endings
        # Nobody reads them here; what a client does not ask for it does not keep.
        self.changes = [c for c in self.changes if c.what in ("ended", "lost", "terminate")][-3:]
        return endings

    def _check_bus(self) -> None:
        if any(change.what == "ended" for change in self.changes):
            raise BusGone(f"the bus at {self._info.route} ended")

    # Requests

    def send_request(
        self,
        to: str,
        payload: Any,
        callback: Callback | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        control: bool = False,
    ) -> int:
        """Sends a request.

        Args:
            callback: called once with `(response, message)` when it has ended; without one the
                response is kept for `get_response`.
            timeout: seconds after which it fails; None for never.

        Returns:
            The id of the request.

        Raises:
            NoSuchPeer: at once, where nobody of that name is there.
            Backpressure, ContentError, MessageTooLarge, BusGone: nothing was queued.
        """
        with self._entered():
            id = self._send(to, CONTROL if control else REQUEST, payload, timeout)
            self.requests.add(id, to, time.monotonic(), timeout, callback)
            return id

    def get_response(self, id: int) -> Response | None:
        """The response of a request without callback, once it is there; each is told once.

        Raises:
            UsageError: no such request is open.
        """
        with self._entered():
            response = self.requests.take(id)
            if response is None and self.requests.open:
                self.pump(0.0)
                response = self.requests.take(id)
            if response is None and id not in self.requests.open:
                raise UsageError(f"request {id} is not open: its response was fetched already")
            return response

    def await_response(self, id: int, timeout: float | None = None) -> Response:
        """Waits for the end of a request, at most `timeout` seconds (None: its own time-out).

        Returns:
            The response, also where the peer answered with an error.

        Raises:
            RequestTimeout, PeerGone: no response came. UsageError: no such request is open.
        """
        with self._entered():
            table = self.requests
            if id not in table.open and id not in table.done:
                raise UsageError(f"request {id} is not open: its response was fetched already")
            deadline = math.inf if timeout is None else time.monotonic() + timeout
            while id in table.open:
                left = deadline - time.monotonic() if timeout is not None else math.inf
                if left <= 0:
                    raise table.time_out(id, timeout or 0.0)
                self._check_bus_for(id)
                self.pump(None if left == math.inf else left, spin=True, awaiting=id)
            response = table.done.pop(id)
            failure = response.exception
            if failure is not None and not isinstance(failure, RemoteError):
                raise failure
            return response

    def request(self, to: str, payload: Any, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """Sends a request and waits for its answer.

        Returns:
            The payload of the response.

        Raises:
            RemoteError: the peer answered with an error.
            RequestTimeout, PeerGone, NoSuchPeer: no answer came.
        """
        response = self.await_response(self.send_request(to, payload, timeout=timeout))
        if response.exception is not None:
            raise response.exception
        return response.payload

    def _check_bus_for(self, id: int) -> None:
        try:
            self._check_bus()
        except BusGone:
            self.requests.forget(id)
            raise

    def cork(self) -> None:
        """Holds back what is sent, until `uncork` writes it at once."""
        self._port.cork()

    def uncork(self) -> None:
        """Writes what was held back."""
        self._port.uncork()

    # Who is there

    def peers(self) -> list[str]:
        """Names of the others: without oneself and without observers."""
        with self._entered():
            return [peer.name for peer in self._others()]

    def _others(self) -> list[PeerInfo]:
        return [
            peer
            for peer in self._port.peers()
            if peer.kind != "observer" and peer.name != self.name
        ]

    def peer_info(self, name: str) -> PeerInfo | None:
        """What the bus knows of a peer; None where it is not there."""
        with self._entered():
            found, _ = self._port.find(name)
            if self._port.changes:
                self._heed_changes()
            return found

    def peer_exists(self, name: str) -> bool:
        """Whether somebody of that name is on the bus."""
        return self.peer_info(name) is not None

    def peer_pid(self, name: str) -> int | None:
        """The process of a peer; None where it is not there."""
        peer = self.peer_info(name)
        return None if peer is None else peer.pid

    def peer_active(self, name: str, timeout: float | None = 0.0) -> bool:
        """Whether a peer is there and, if it is a service, ready.

        Args:
            timeout: seconds to wait for it; None for ever.
        """
        with self._entered():
            peer = self.peer_info(name)
            if peer is not None and peer.ready:
                return True
            if timeout == 0:
                return False
            deadline = math.inf if timeout is None else time.monotonic() + timeout
            known = {peer.name: peer for peer in self._port.subscribe()}
            while name not in known or not known[name].ready:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._check_bus()
                self.pump(None if left == math.inf else left)
                known = {peer.name: peer for peer in self._port.peers()}
            return True

    # The end

    def disconnect(
        self, handler: Callable[[list[Message]], object] | None = None, *, flush: float = 5.0
    ) -> list[Message]:
        """Leaves the bus, after the kernel has taken what was sent. Repeatable.

        Args:
            handler: called with the messages that came in and were never fetched, if any.
            flush: seconds for what waits to be sent.

        Returns:
            Those messages.
        """
        if self.disconnected or os.getpid() != self.pid:
            self.disconnected = True
            return []
        with self._entered():
            try:
                self._port.flush(flush)
                self.pump(0.0)
            finally:
                self.disconnected = True
                self._port.close()
            unread = [m for m in self.take_inbox() if not m.is_terminate]
        if unread and handler is not None:
            handler(unread)
        return unread

    def suspend(self, expires_in: float | None = None) -> None:
        """Goes away for a while, keeping the mail, where the transport can."""
        del expires_in
        raise UnsupportedError(f"the {self._info.transport!r} transport cannot suspend a peer")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    def forget_after_fork(self) -> None:
        """Closes the descriptors in a forked child, and touches nothing else."""
        self.disconnected = True
        self._port.forget_after_fork()

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """The one door: the right process, one thread, still connected."""
        if os.getpid() != self.pid:
            raise WrongProcess(f"the client {self.name!r}", self.pid, os.getpid())
        if not self._lock.acquire(blocking=False):
            raise ConcurrentUse(
                f"another thread is in a call of the client {self.name!r}: give each its own"
            )
        try:
            if self.disconnected:
                raise UsageError(f"the client {self.name!r} is disconnected")
            yield
        finally:
            self._lock.release()
