"""Where messages wait: a pipe for each sender and receiver, a mailbox for each receiver."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import get_ident
from typing import Final, NamedTuple, TypeAlias

import msgspec

from ipcm._core.presence import FromRegistrar, PeerKind
from ipcm._os.waker import Waker
from ipcm.message import Message

__all__ = ["CAPACITY", "Item", "Mailbox", "Parcel", "Pipe", "Sender"]

CAPACITY: Final = 256 << 10
"""Bytes that a receiver's mailbox takes of one sender: what a socket buffer would."""


class Sender(msgspec.Struct):
    """One life of a peer; see `Origin`."""

    name: str
    incarnation: str
    read_only: bool


class Mailbox:
    """What came in for one peer, in order: messages, and news of the others.

    Attributes:
        number: of the peer, in the roster. owner: who it is, to those who get its messages.
        thread: the one that it came from.
        inbound, outbound: the open pipes that lead here, and from here to others by name.
        queued: bytes of the outbound pipes that no mailbox has taken yet.
        corked: how often `cork` was called and not taken back.
        received: how many items ever came in.
        capacity: bytes of one sender's messages that it takes.
        expires: when a peer that is away has left for good; None while it is here.
        unread: what it had received and not read before it went away.
    """

    def __init__(self, number: int, owner: Sender, kind: PeerKind) -> None:
        self.number = number
        self.owner = owner
        self.kind = kind
        self.thread = get_ident()
        self.waker = Waker()
        self.inbound: dict[Pipe, None] = {}
        self.outbound: dict[str, Pipe] = {}
        self.queued = 0
        self.corked = 0
        self.received = 0
        self.capacity = CAPACITY
        self.expires: float | None = None
        self.unread: Sequence[Message] = ()
        self._items: deque[Item] = deque()

    def put(self, item: Item) -> None:
        """Something came in."""
        self._items.append(item)
        self.received += 1
        self.waker.set()

    def pause(self, unread: Sequence[Message], expires: float, capacity: int) -> None:
        """Its peer goes away; mail is kept."""
        self.unread, self.expires, self.capacity = unread, expires, capacity
        self.waker.close()
        for pipe in list(self.inbound):
            pipe.move_on()
        for pipe in self.outbound.values():
            pipe.close()

    def resume(self) -> Sequence[Message]:
        """It is back; returns what it had not read."""
        unread, self.unread = self.unread, ()
        self.expires, self.capacity = None, CAPACITY
        self.waker = Waker()
        if self._items:
            self.waker.set()
        return unread

    def take(self) -> list[Item]:
        """Everything that is there; what waited for room moves up."""
        items = list(self._items)
        self._items.clear()
        self.waker.clear()
        pipes: dict[Pipe, None] = {}
        for item in items:
            if isinstance(item, Parcel):
                item.pipe.taken -= len(item.body)
                pipes[item.pipe] = None
        for pipe in pipes:
            pipe.move_on()
        return items

    def push(self) -> None:
        """Hands on what waits in the outbound pipes, corked or not."""
        for pipe in self.outbound.values():
            pipe.move()

    @property
    def silent(self) -> bool:
        """Whether nothing is there, and nothing that its peer sent has moved up."""
        return not self.waker.is_set


class Pipe:
    """Messages from one life of a peer to one life of another, in order.

    The receiver's mailbox takes some of them, as the kernel would; the rest waits here.

    Attributes:
        incarnation: of the receiver.
        taken: bytes of them in the mailbox. waiting: those that wait. closed: for new ones.
        extra: bytes that the mailbox takes beyond its capacity.
    """

    def __init__(self, source: Mailbox, target: Mailbox) -> None:
        self.source = source
        self.target = target
        self.incarnation = target.owner.incarnation
        self.taken = 0
        self.extra = 0
        self.waiting: deque[bytes] = deque()
        self.queued = 0
        self.closed = False
        target.inbound[self] = None
        source.outbound[target.owner.name] = self

    def put(self, body: bytes) -> None:
        """One more message."""
        self.waiting.append(body)
        self._count(len(body))
        if not self.source.corked:
            self.move()

    def move(self) -> None:
        """Hands the mailbox what it takes."""
        while self.waiting and self.taken < self.target.capacity + self.extra and not self.closed:
            body = self.waiting.popleft()
            self._count(-len(body))
            self.taken += len(body)
            self.target.put(Parcel(self, body))

    def move_on(self) -> None:
        """As `move`, where there is room: its sender may wait for that."""
        if self.waiting:
            self.move()
            self.source.waker.set()

    def close(self) -> None:
        """Forgets what waits; what the mailbox has taken is still delivered."""
        self.closed = True
        if self.waiting:
            self.source.waker.set()
        self.waiting.clear()
        self._count(-self.queued)
        self.target.inbound.pop(self, None)

    def _count(self, size: int) -> None:
        self.queued += size
        self.source.queued += size


class Parcel(NamedTuple):
    """One message in a mailbox: its envelope as the serializer encoded it."""

    pipe: Pipe
    body: bytes


Item: TypeAlias = Parcel | FromRegistrar
"""What a mailbox holds: messages, and news of the others."""
