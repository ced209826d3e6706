"""A peer's place on a bus in memory."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence

from ipcm._core.envelope import Envelope
from ipcm._core.presence import Ended, Joined, Left, PeerInfo, Terminate
from ipcm._core.subscription import ObserveOptions
from ipcm._os.fork import close_in_children
from ipcm.errors import Backpressure, MessageTooLarge, ProtocolError
from ipcm.message import Message
from ipcm.serializers import Serializer
from ipcm.transports.base import Arrival, Change, Port
from ipcm.transports.known import Known, meet, part
from ipcm.transports.memory.hub import Hub
from ipcm.transports.memory.pipe import CAPACITY, Item, Mailbox, Parcel, Pipe

__all__ = ["MemoryPort"]


class MemoryPort(Port):
    """See `Port`.

    What it sends goes through the serializer, so that it arrives as it would elsewhere, and
    nothing is shared between sender and receiver.

    Args:
        hub: the bus. box: its mailbox there. serializer: for the envelopes.
        unread: where the peer was away, what it had not read.
    """

    def __init__(
        self,
        hub: Hub,
        box: Mailbox,
        serializer: Serializer,
        unread: Sequence[Message] | None = None,
    ) -> None:
        self.name = box.owner.name
        self.incarnation = box.owner.incarnation
        self.changes: list[Change] = []
        self.clock = hub.clock
        self._hub = hub
        self._box = box
        self.outgoing = box.outbound
        self._encode = serializer.encode
        self._decode = serializer.decode
        self._known: Known = None
        self._closed = False
        self.unread = unread or ()
        self._first_id = super().first_id if unread is None else secrets.randbits(48) | 1
        close_in_children(self)

    # Receiving

    def fileno(self) -> int:
        """Readable while something is in the mailbox."""
        return self._box.waker.fileno()

    def receive(self, timeout: float | None = 0.0, spin: bool = False) -> list[Arrival]:
        """See `Port.receive`."""
        hub = self._hub
        if self._box.corked:
            self.push()
        if timeout != 0 and self._box.silent and not self.changes:
            if hub.expiry < math.inf:
                left = max(hub.expiry - self.clock.monotonic(), 0.0)
                timeout = left if timeout is None else min(timeout, left)
            hub.sleep(self._box, timeout)
        with hub.lock:
            hub.expire()
            items = self._box.take()
        return self._sort(items) if items else []

    def _sort(self, items: list[Item]) -> list[Arrival]:
        arrivals: list[Arrival] = []
        for item in items:
            if isinstance(item, Parcel):
                try:
                    envelope = self._decode(item.body)
                except ProtocolError:
                    # Nested deeper than this thread's stack has room for: it costs the sender
                    # its pipe, as bad bytes cost a connection elsewhere.
                    with self._hub.lock:
                        item.pipe.close()
                    continue
                arrivals.append((item.pipe.source.owner, envelope, len(item.body)))
            else:
                self._heed(item)
        return arrivals

    def _heed(self, word: object) -> None:
        match word:
            case Joined(peer=peer):
                change = meet(self._known, peer)
                if change is not None:
                    self.changes.append(change)
            case Left(name=name, incarnation=incarnation):
                pipe = self._box.outbound.get(name)
                if pipe is not None and pipe.incarnation == incarnation:
                    del self._box.outbound[name]
                self.changes.append(part(self._known, name, incarnation))
            case Terminate():
                self.changes.append(Change("terminate"))
            case Ended():
                self.changes.append(Change("ended"))

    @property
    def first_id(self) -> int:
        """See `Port.first_id`; one that was away does not begin where it began before."""
        return self._first_id

    @property
    def deadline(self) -> float:
        """See `Port.deadline`."""
        return self._hub.expiry

    def slept(self, seconds: float) -> None:
        """See `Port.slept`."""

    # Sending

    def send(self, to: str, envelope: Envelope) -> int:
        """See `Port.send`."""
        hub = self._hub
        hub.open(self._box, to)
        body = self._encode(envelope)
        size, limit = len(body), hub.limits.frame
        if size > limit:
            raise MessageTooLarge(size, limit)
        with hub.lock:
            pipe = hub.open(self._box, to)  # it may have left meanwhile
            if pipe.waiting or self._box.corked:
                self._check_room(pipe, size)
            pipe.put(body)
        return size

    def _check_room(self, pipe: Pipe, size: int) -> None:
        limits = self._hub.limits
        name = pipe.target.owner.name
        if pipe.queued + size > limits.peer:
            raise Backpressure(name, pipe.queued, limits.peer)
        if self._box.queued + size > limits.process:
            raise Backpressure(name, self._box.queued, limits.process)

    def cork(self) -> None:
        """See `Port.cork`."""
        with self._hub.lock:
            self._box.corked += 1

    def uncork(self) -> None:
        """See `Port.uncork`."""
        with self._hub.lock:
            self._box.corked -= 1
            if not self._box.corked:
                self._box.push()

    def push(self) -> None:
        """See `Port.push`."""
        with self._hub.lock:
            self._box.push()

    def flush(self) -> bool:
        """See `Port.flush`."""
        with self._hub.lock:
            self._box.push()
            return not self._box.queued or self._hub.ended

    def backlog(self) -> dict[str, int]:
        """See `Port.backlog`."""
        with self._hub.lock:
            pipes = self._box.outbound.items()
            return {name: len(pipe.waiting) for name, pipe in pipes if pipe.waiting}

    def widen(self, name: str) -> None:
        """See `Port.widen`."""
        with self._hub.lock:
            if name in self._box.outbound:
                self._box.outbound[name].extra = CAPACITY

    def want(self, wants: ObserveOptions) -> None:
        """See `Port.want`."""
        self._hub.want(self._box, wants)

    def cut(self, name: str) -> None:
        """See `Port.cut`."""
        with self._hub.lock:
            if name in self._box.outbound:
                self._box.outbound[name].close()
            for pipe in [each for each in self._box.inbound if each.source.owner.name == name]:
                pipe.close()

    # Presence

    def find(self, name: str) -> tuple[PeerInfo | None, list[str]]:
        """See `Port.find`."""
        return self._hub.find(self._box, name)

    def peers(self) -> list[PeerInfo]:
        """See `Port.peers`."""
        self._hub.check()
        return self._hub.peers() if self._known is None else list(self._known.values())

    def subscribe(self) -> list[PeerInfo]:
        """See `Port.subscribe`."""
        if self._known is None:
            self._known = {peer.name: peer for peer in self._hub.peers(self._box)}
        return self.peers()

    def ready(self) -> None:
        """See `Port.ready`."""
        self._hub.ready(self._box)

    # The end

    def suspend(self, expires_in: float | None, unread: Sequence[Message]) -> None:
        """See `Port.suspend`. What it sent and no mailbox has taken is lost; `flush` first."""
        self._closed = True
        self._hub.pause(self._box, expires_in, unread)

    def close(self) -> None:
        """See `Port.close`."""
        if not self._closed:
            self._closed = True
            self._hub.leave(self._box)

    def forget_after_fork(self) -> None:
        """See `Port.forget_after_fork`: the lock may be held by a thread that is not there."""
        self._closed = True
        self._box.waker.close()
