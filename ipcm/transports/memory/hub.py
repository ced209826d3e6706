"""A bus in memory: who is on it, under one lock.

The same `Roster` decides here as in a registrar's process; its words go straight into the
mailboxes, behind what was sent before, so that a departure comes after the last message.
"""

from __future__ import annotations

import itertools
import math
import os
import select
import threading
from collections.abc import Sequence
from threading import get_ident
from typing import Any

from ipcm._core.clock import Clock
from ipcm._core.names import may_be_somebody
from ipcm._core.patience import LONGEST_WAIT, milliseconds
from ipcm._core.presence import (
    Answer,
    Ended,
    Find,
    Found,
    Leave,
    Listing,
    ListPeers,
    PeerInfo,
    PeerKind,
    Ready,
    Register,
    Subscribe,
    Want,
)
from ipcm._core.roster import Outgoing, Roster
from ipcm._core.subscription import ObserveOptions
from ipcm._os.clock import SYSTEM_CLOCK
from ipcm.errors import BusGone, NameTaken, NoSuchPeer
from ipcm.message import Message
from ipcm.transports.base import BusRecord, Limits
from ipcm.transports.memory.pipe import Mailbox, Pipe, Sender

__all__ = ["Hub"]


class Hub:
    """One bus.

    Attributes:
        lock: held by whoever touches a mailbox or a pipe. It is reentrant: a signal handler may
            run in the middle.
        ended: nothing can be sent any more.
        expiry: when `expire` has something to do.
    """

    def __init__(
        self, record: BusRecord, limits: Limits | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.record = record
        self.limits = limits or Limits()
        self.clock = clock
        self.lock = threading.RLock()
        self.ended = False
        self.expiry = math.inf
        self._ending = False
        self._enders: set[int] = set()
        self._departed = threading.Condition(self.lock)
        self._roster = Roster()
        self._boxes: dict[int, Mailbox] = {}
        self._named: dict[str, Mailbox] = {}
        self._numbers = itertools.count(1)
        self._seqs = itertools.count(1)

    # Coming and going

    def join(self, name: str, incarnation: str, kind: PeerKind, read_only: bool) -> Mailbox:
        """A peer comes; raises NameTaken, BusGone."""
        with self.lock:
            self.check()
            if self._ending:
                raise BusGone(f"the bus {self.record.name!r} is ending")
            self.expire()
            number = next(self._numbers)
            word = Register(next(self._seqs), name, incarnation, kind, False)
            now = self.clock.time()
            answer = self._tell(number, self._roster.register(number, word, os.getpid(), now))
            if answer.error is not None:
                raise NameTaken(name, answer.pid)
            box = Mailbox(number, Sender(name, incarnation, read_only), kind)
            self._boxes[number] = self._named[name] = box
            return box

    def want(self, box: Mailbox, wants: ObserveOptions) -> None:
        """An observer says what services that come are to tell it."""
        with self.lock:
            self._roster.want(box.number, Want(wants))

    def leave(self, box: Mailbox) -> None:
        """A peer goes. What it sent and no mailbox has taken is lost."""
        with self.lock:
            for pipe in [*box.outbound.values(), *box.inbound]:
                pipe.close()
            box.waker.close()
            if self._boxes.pop(box.number, None) is not None:
                del self._named[box.owner.name]
                word = Leave(next(self._seqs))
                self._tell(box.number, self._roster.leave(box.number, word))
            self._departed.notify_all()

    def pause(self, box: Mailbox, expires_in: float | None, unread: Sequence[Message]) -> None:
        """A peer goes away for a while."""
        with self.lock:
            self.check()
            expires = math.inf if expires_in is None else self.clock.monotonic() + expires_in
            self.expiry = min(self.expiry, expires)
            box.pause(unread, expires, self.limits.peer)
            self._tell(0, self._roster.pause(box.number))

    def resume(self, name: str) -> tuple[Mailbox, Sequence[Message]]:
        """It is back; raises NoSuchPeer, NameTaken, BusGone."""
        with self.lock:
            self.check()
            self.expire()
            box = self._named.get(name)
            if box is None:
                peers = self._roster.peers.values()
                raise NoSuchPeer(name, (peer.name for peer in peers if peer.kind != "observer"))
            if box.expires is None:
                raise NameTaken(name, os.getpid())
            unread = box.resume()
            self._tell(0, self._roster.ready(box.number, Ready()))
            return box, unread

    def expire(self) -> None:
        """Lets those leave who have been away too long; the lock is held."""
        now = self.clock.monotonic()
        if now < self.expiry:
            return
        away = [box for box in self._boxes.values() if box.expires is not None]
        for box in away:
            if box.expires is not None and box.expires <= now:
                self.leave(box)
        left = [box.expires for box in self._boxes.values() if box.expires is not None]
        self.expiry = min(left, default=math.inf)

    def ready(self, box: Mailbox) -> None:
        """A service's start callback has run."""
        with self.lock:
            self._tell(box.number, self._roster.ready(box.number, Ready()))

    def check(self) -> None:
        """Raises BusGone where the bus is over."""
        if self.ended:
            raise BusGone(f"the bus {self.record.name!r} ended")

    # Who is there

    def find(self, box: Mailbox, name: str) -> tuple[PeerInfo | None, list[str]]:
        """See `Port.find`."""
        may_be_somebody(name)
        with self.lock:
            self.check()
            self.expire()
            word = Find(next(self._seqs), name)
            found: Found = self._tell(box.number, self._roster.find(box.number, word))
            return found.peer, found.others

    def peers(self, subscriber: Mailbox | None = None) -> list[PeerInfo]:
        """Everybody; a subscriber is told of every change from here on."""
        with self.lock:
            self.check()
            self.expire()
            number = 0 if subscriber is None else subscriber.number
            word = ListPeers(1) if subscriber is None else Subscribe(1)
            listing: Listing = self._tell(number, self._roster.list_peers(number, word))
            return listing.peers

    def open(self, source: Mailbox, to: str) -> Pipe:
        """The pipe to a peer; raises NoSuchPeer."""
        with self.lock:
            pipe = source.outbound.get(to)
            if pipe is not None and not pipe.closed:
                self.check()
                return pipe
            peer, others = self.find(source, to)
            if peer is None:
                raise NoSuchPeer(to, (other for other in others if other != source.owner.name))
            return Pipe(source, self._named[to])

    def _tell(self, asker: int, words: list[Outgoing]) -> Any:
        """Delivers what the roster decided; the answer is the word that goes to the asker."""
        answer: Any = None
        for connection, word in words:
            if connection == asker and isinstance(word, Answer | Found | Listing):
                answer = word
            elif connection in self._boxes:
                self._boxes[connection].put(word)
        return answer

    @property
    def received(self) -> int:
        """What the mailboxes of those who are here have ever received."""
        return sum(box.received for box in self._boxes.values())

    # Waiting

    def sleep(self, box: Mailbox, timeout: float | None) -> None:
        """Waits until something is in a mailbox, at most `timeout` seconds; None for ever."""
        poll = select.poll()
        poll.register(box.waker.fileno(), select.POLLIN)
        poll.poll(milliseconds(timeout))

    def await_departure(self, timeout: float) -> None:
        """Waits until some peer has left; the lock is held."""
        self._departed.wait(min(timeout, LONGEST_WAIT))

    # The end

    def terminate(self) -> None:
        """Tells every service to end."""
        with self.lock:
            self.check()
            self._tell(0, self._roster.terminate())

    def awaited(self, box: Mailbox) -> bool:
        """Whether the end waits for it: not for a service whose own thread waits for the end."""
        return box.kind == "service" and box.thread not in self._enders

    def end(self, grace: float) -> None:
        """Ends the bus, at the latest after `grace` seconds: a thread cannot be killed."""
        with self.lock:
            if not self._ending:
                self._ending = True
                self._tell(0, self._roster.terminate())
            self._enders.add(get_ident())
            self._departed.notify_all()  # another one that waits has one less to wait for
            deadline = self.clock.monotonic() + grace
            while any(self.awaited(box) for box in self._boxes.values()):
                left = deadline - self.clock.monotonic()
                if left <= 0:
                    break
                self.await_departure(left)
            self.ended = True
            for box in list(self._boxes.values()):
                if box.expires is None:
                    box.put(Ended())
                else:
                    self.leave(box)
