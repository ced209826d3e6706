"""The inner half of a client: the one door into it, and what goes through the port.

What a user calls stands in `ipcm.client`.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any, Final

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
from ipcm._core.patience import is_patience
from ipcm._core.requests import Ending, RequestTable
from ipcm._os import here
from ipcm.errors import (
    BusGone,
    ConcurrentUse,
    InvalidName,
    IPCMError,
    UsageError,
    WrongProcess,
)
from ipcm.message import Kind, Message
from ipcm.transports.base import Arrival, Change, Origin, Port

__all__ = ["Connection", "Stats"]

_KINDS: Final = {
    BROADCAST: Kind.GENERAL,
    REQUEST: Kind.REQUEST,
    RESPONSE: Kind.RESPONSE,
    TERMINATE: Kind.TERMINATE,
}
_NEVER: Final = math.inf
_GENERAL: Final = Kind.GENERAL
_REQUEST: Final = Kind.REQUEST  # looking it up in an enumeration takes a while

_MOST_NAMES: Final = 1024


class Counts(dict[str, int]):
    """Counts by name, of the last names that came up."""

    def __missing__(self, name: str) -> int:
        if len(self) >= _MOST_NAMES:
            del self[next(iter(self))]
        return 0


class Stats:
    """Messages per peer.

    Attributes:
        read, sent: peer name to count, without words of the control plane. Of peers that come
            and go without end those are left out that came up first.
        refused: messages thrown away because they are not for this client (requests over a
            read-only connection, unknown kinds).
    """

    __slots__ = ("_requests", "read", "refused", "sent")

    def __init__(self, requests: RequestTable) -> None:
        self.read: dict[str, int] = Counts()
        self.sent: dict[str, int] = Counts()
        self.refused = 0
        self._requests = requests

    @property
    def dropped(self) -> int:
        """All that were thrown away: the refused, and late, duplicate and forged responses."""
        return self.refused + self._requests.dropped

    def __repr__(self) -> str:
        return f"Stats(read={self.read}, sent={self.sent}, dropped={self.dropped})"


class Connection:
    """A port, guarded; messages that came in, open requests, and changes of presence.

    Attributes:
        port: the transport's side of it.
    """

    def __init__(self, port: Port, info: BusInfo, *, settle: bool = True) -> None:
        self.name = port.name
        self.clock = port.clock
        self.pid = here.pid
        self.disconnected = False
        self.requests = RequestTable()
        self.stats = Stats(self.requests)
        self.inbox: deque[Message] = deque(port.unread)
        self.changes: list[Change] = []
        self._endings: deque[Ending] = deque()
        self.keep_changes = False
        self.on_control: Callable[[Origin, Envelope], None] | None = None
        self.on_events: Callable[[Origin, Any], None] | None = None
        self.on_read: Callable[[Message, int], None] | None = None
        self.on_sent: Callable[[Envelope, str, int], None] | None = None
        self.port = port
        self._info = info
        self._settle = settle
        self._ids = itertools.count(port.first_id)
        self._inside = 0  # the thread that is in a call

    @property
    def incarnation(self) -> str:
        """This life of the name: 32 hex digits."""
        return self.port.incarnation

    def _send(self, to: str, kind: int, content: Any, aux: Any = None, id: int = 0) -> int:
        if not id:
            id = next(self._ids)
        if to == self.name:
            return self._send_to_self(kind, content, id)
        time = self.clock.time
        envelope = Envelope(kind, id, content, aux, time())
        try:
            size = self.port.send(to, envelope)
        except TypeError:
            if isinstance(to, str):
                raise
            raise InvalidName(to, "a name is a str") from None
        if kind != CONTROL:
            self.stats.sent[to] += 1
        if self.on_sent is not None:
            self.on_sent(envelope, to, size)
        return id

    def _send_to_self(self, kind: int, content: Any, id: int) -> int:
        if kind not in (GENERAL, BROADCAST):
            raise UsageError(f"{self.name!r} cannot ask itself: nobody would be there to answer")
        self.inbox.append(Message(id, self.name, self.name, content, stamp=self.clock.time()))
        return id

    def respond(self, to: str, kind: int, id: int, content: Any, error: str | None) -> None:
        """Sends an answer; `id` is the request's."""
        outer = self._enter()
        try:
            self._send(to, kind, content, error, id)
        finally:
            self._inside = outer

    def cork(self) -> None:
        """Holds back what is sent, until `uncork` writes it at once."""
        self.port.cork()

    def uncork(self) -> None:
        """Writes what was held back.

        Not in a forked child, which comes by here where it exits: what it has is a copy.
        """
        if here.pid == self.pid:
            self.port.uncork()

    def pump(self, timeout: float | None = 0.0, spin: bool = False, awaiting: int = 0) -> None:
        """Takes in what is there, waiting at most once, and ends requests that are due.

        Args:
            timeout: seconds; None waits until something happens.
            spin: see `Port.receive`.
            awaiting: the id of a request whose response is settled at once, whatever the mode.
        """
        port, table, endings, due = self.port, self.requests, self._endings, False
        if table.soonest != _NEVER:
            monotonic = self.clock.monotonic
            left = table.soonest - monotonic()
            due = left <= 0
            if due:
                timeout = 0.0
            elif timeout is None or left < timeout:
                timeout = left
        if port.changes or endings:
            timeout = 0.0  # something happened already
        arrivals = port.receive(timeout, spin)
        for arrival in arrivals:
            self._take(arrival, awaiting)
        if port.changes:
            endings += self._heed_changes()
        if (due or not arrivals) and table.soonest != _NEVER:
            endings += table.expire(self.clock.monotonic())
        while endings:  # where a callback raises, those of the others are called next time
            self.on_ending(endings.popleft())

    def take_in(self, timeout: float | None) -> None:
        """Takes in what is there, as `pump` does, and calls nobody: the next `pump` does that.

        Args:
            timeout: seconds; None waits until something happens, be it that more can be sent.
        """
        for arrival in self.port.receive(timeout):
            self._take(arrival, 0)
        if self.port.changes:
            self._endings += self._heed_changes()

    def take_inbox(self) -> list[Message]:
        """What has been taken in so far."""
        messages = list(self.inbox)
        self.inbox.clear()
        return messages

    def on_ending(self, ending: Ending) -> None:
        """Calls the callback of a request that ended; a service puts its own way here."""
        ending.callback(ending.response, ending.message)

    def _take(self, arrival: Arrival, awaiting: int) -> None:
        """One message that came in: to where it waits, or to what it ends.

        Most are general messages, requests, and answers that somebody waits for or will come to
        fetch: these take the short ways.
        """
        origin, envelope, size = arrival
        code, aux, sender = envelope.kind, envelope.aux, origin.name
        if (
            code == REQUEST
            and not origin.read_only
            and (aux is None or (type(aux) is float and aux == aux))
        ):
            message = Message(
                envelope.id, sender, self.name, envelope.content, _REQUEST,
                envelope.id, envelope.stamp, False, None, aux, origin.incarnation,
            )  # fmt: skip
        elif code == GENERAL:
            message = Message(
                envelope.id, sender, self.name, envelope.content, _GENERAL,
                None, envelope.stamp, False, None, None, origin.incarnation,
            )  # fmt: skip
        elif (
            code == RESPONSE
            and (self._settle or envelope.id == awaiting)
            and self.on_read is None
            and (aux is None or type(aux) is str)
            and self.requests.settle(envelope.id, sender, origin.incarnation, envelope.content, aux)
        ):
            self.stats.read[sender] += 1
            return
        else:
            self._take_other(origin, envelope, size, awaiting)
            return
        if self.on_read is not None:
            self.on_read(message, size)
        self.inbox.append(message)
        self.stats.read[sender] += 1

    def _take_other(self, origin: Origin, envelope: Envelope, size: int, awaiting: int) -> None:
        code, id, aux, sender = envelope.kind, envelope.id, envelope.aux, origin.name
        kind = _KINDS.get(code)
        if kind is None:
            self._take_control(origin, envelope)
            return
        if code != RESPONSE or not self.requests.is_control(id):
            self.stats.read[sender] += 1
        correlation_id: int | None = None
        error: str | None = None
        timeout: float | None = None
        if code == REQUEST:
            correlation_id = id
            if aux is not None and not is_patience(aux):
                self._refuse(origin, id, f"{aux!r:.40} is no time-out")
                return
            timeout = aux
        elif code == RESPONSE:
            correlation_id = id
            error = aux if aux is None or isinstance(aux, str) else str(aux)
        message = Message(
            id,
            sender,
            self.name,
            envelope.content,
            kind,
            correlation_id,
            envelope.stamp,
            code == BROADCAST,
            error,
            timeout,
            origin.incarnation,
        )
        if origin.read_only and code in (REQUEST, TERMINATE):
            self.stats.refused += 1
            if code == REQUEST:
                self._refuse(origin, id, "this connection is read-only")
            return
        if self.on_read is not None:
            self.on_read(message, size)
        if code != RESPONSE or not (self._settle or id == awaiting):
            self.inbox.append(message)
        elif (ending := self.requests.answer(message)) is not None:
            self._endings.append(ending)

    def _take_control(self, origin: Origin, envelope: Envelope) -> None:
        if envelope.kind == CONTROL and self.on_control is not None:
            self.on_control(origin, envelope)
        elif envelope.kind == CONTROL:
            self._refuse(origin, envelope.id, "not a service")
        elif envelope.kind == EVENTS and self.on_events is not None:
            self.on_events(origin, envelope.content)
        else:
            self.stats.refused += 1

    def _refuse(self, origin: Origin, id: int, why: str) -> None:
        answer = Envelope(RESPONSE, id, None, why, self.clock.time())
        try:
            self.port.send(origin.name, answer)
        except IPCMError:
            self.stats.refused += 1

    def _heed_changes(self) -> list[Ending]:
        changes, self.port.changes = self.port.changes, []
        endings: list[Ending] = []
        for change in changes:
            if change.what == "left" and change.peer is not None:
                endings += self.requests.gone(change.peer.name, change.peer.incarnation)
        self.changes += changes
        if self.keep_changes or not self._settle:
            return endings
        # Nobody reads them here; what a client does not ask for it does not keep.
        self.changes = [c for c in self.changes if c.what in ("ended", "lost", "terminate")][-3:]
        return endings

    @property
    def settled(self) -> bool:
        """Whether no request is open, and every callback has been called."""
        return not (self.requests.open or self._endings)

    @property
    def owes(self) -> bool:
        """Whether there is something for `pump` to do, although nothing has come in."""
        return bool(self._endings or self.port.changes)

    @property
    def over(self) -> bool:
        """Whether the bus ended."""
        return any(change.what == "ended" for change in self.changes)

    def _check_connected(self) -> None:
        """Whoever has pumped looks again: a callback may have disconnected."""
        if self.disconnected:
            raise UsageError(f"the client {self.name!r} is disconnected")

    def _check_bus(self) -> None:
        self._check_connected()
        if self.over:
            raise BusGone(f"the bus at {self._info.route} ended")

    def _enter(self) -> int:
        """The one door: the right process, one thread, still connected.

        Returns:
            Who was inside before, 0 for nobody; it may be this thread, as in a callback. Who
            leaves puts it back into `_inside`.
        """
        if here.pid != self.pid:
            raise WrongProcess(f"the client {self.name!r}", self.pid, here.pid)
        if self.disconnected:
            self._check_connected()
        me = get_ident()
        # No other thread comes between the look and the mark: the interpreter lets one in at a
        # call or a jump back, and there is none. An RLock takes four times as long.
        inside = self._inside
        if inside and inside != me:
            raise ConcurrentUse(
                f"another thread is in a call of the client {self.name!r}: give each its own"
            )
        self._inside = me
        return inside

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """The door for calls that are not made a hundred thousand times a second: a generator
        takes as long as all the rest of it.
        """
        outer = self._enter()
        try:
            yield
        finally:
            self._inside = outer
