"""A peer's place on a unix bus: its listener, its links, and its line to the registrar."""

from __future__ import annotations

import contextlib
import math
import os
import select
import socket
import time
from typing import Final

from ipcm._core.envelope import Envelope
from ipcm._core.framing import HEADER
from ipcm._core.outbox import Buffer
from ipcm._core.registry import (
    Ended,
    FromRegistrar,
    Joined,
    Left,
    Listing,
    PeerInfo,
    PeerKind,
    Terminate,
)
from ipcm._os.fork import close_in_children
from ipcm.errors import Backpressure, BusGone, MessageTooLarge, NoSuchPeer, ProtocolError
from ipcm.serializers import Serializer
from ipcm.transports.base import Arrival, Change, Limits, Port
from ipcm.transports.unix.hello import HELLO_LIMIT, Introduction
from ipcm.transports.unix.link import Link
from ipcm.transports.unix.listener import Listener
from ipcm.transports.unix.membership import Membership
from ipcm.transports.unix.route import Route

__all__ = ["UnixPort"]

_SCRATCH: Final = 256 << 10
_SPIN: Final = 50e-6
_QUICK: Final = 200e-6
_LOOK_AROUND: Final = 1e-3
_COPY_UNDER: Final = 32 << 10


class UnixPort(Port):
    """See `Port`.

    Args:
        route: the bus directory; the port closes it.
        serializer: for the envelopes.
        spin: seconds to poll a busy link before sleeping; 0 turns it off.

    Raises:
        NameTaken: a live peer has the name.
        BusGone: the registrar does not answer.
    """

    def __init__(
        self,
        route: Route,
        name: str,
        incarnation: str,
        kind: PeerKind,
        serializer: Serializer,
        *,
        read_only: bool = False,
        limits: Limits | None = None,
        spin: float = _SPIN,
    ) -> None:
        self.name = name
        self.incarnation = incarnation
        self.changes: list[Change] = []
        self._route = route
        self._limits = limits or Limits()
        self._encode = serializer.encode
        self._decode = serializer.decode
        self._scratch = memoryview(bytearray(_SCRATCH))
        self._introduction = Introduction(route.record().key, name, incarnation, read_only)
        self._links: dict[int, Link] = {}
        self._out: dict[str, Link] = {}
        self._strangers: dict[int, Link] = {}
        self._queued = 0
        self._corked = 0
        self._dirty: list[Link] = []
        self._hot: Link | None = None
        self._looked = 0.0
        self._spin = spin
        self._credit = 0
        self._closed = False
        self._over = False
        self._address = route.peer_address(name, incarnation)
        with contextlib.ExitStack() as undo:
            self._epoll = select.epoll()
            undo.callback(self._epoll.close)
            # It listens before it is announced: who hears of it can dial it.
            self._listener = Listener(route.listen(self._address), self._epoll)
            undo.callback(self._listener.close, self._address)
            self._members = Membership(route, name, incarnation, kind)
            undo.callback(self._members.close)
            self._members_fd = self._members.fileno()
            self._epoll.register(self._members_fd, select.EPOLLIN)
            undo.pop_all()
        close_in_children(self)

    # Receiving

    def fileno(self) -> int:
        """An epoll descriptor over all links; it can itself be selected on."""
        return self._epoll.fileno()

    def receive(self, timeout: float | None = 0.0, *, spin: bool = False) -> list[Arrival]:
        """See `Port.receive`: one look, at most one sleep."""
        arrivals: list[Arrival] = []
        hot = self._hot
        # The link that spoke last is read first: one system call instead of two. The others
        # are looked at every millisecond at least.
        if hot is not None and time.monotonic() - self._looked < _LOOK_AROUND:
            self._read(hot, arrivals)
            if arrivals:
                return arrivals
            if self._credit and (spin or timeout != 0) and self._spin_on(hot, arrivals):
                return arrivals
        else:
            self._look(0, arrivals)
            if arrivals or self.changes:
                return arrivals
        began = time.monotonic()
        self._look(timeout, arrivals)
        if timeout != 0:
            self.slept(time.monotonic() - began)
        return arrivals

    def _spin_on(self, hot: Link, arrivals: list[Arrival]) -> bool:
        # Giving the CPU away between looks makes this work on a single CPU too.
        clock = time.perf_counter
        deadline = clock() + self._spin
        while self._hot is hot:
            os.sched_yield()
            self._read(hot, arrivals)
            if arrivals:
                return True
            if clock() > deadline:
                break
        self._credit = 0
        return False

    def slept(self, seconds: float) -> None:
        """See `Port.slept`."""
        if seconds < _QUICK and self._spin > 0:
            self._credit = 1

    def _look(self, timeout: float | None, arrivals: list[Arrival]) -> None:
        deadline = self.deadline
        if deadline < math.inf and timeout != 0:
            left = max(deadline - time.monotonic(), 0.0)
            timeout = left if timeout is None else min(timeout, left)
        events = self._epoll.poll(-1 if timeout is None else timeout)
        self._looked = time.monotonic()
        for fd, event in events:
            link = self._links.get(fd)
            if link is not None:
                if event & ~select.EPOLLOUT:
                    self._read(link, arrivals)
                if event & select.EPOLLOUT and fd in self._links:
                    self._write(link)
            elif fd == self._listener.fd:
                self._accept(arrivals)
            elif fd == self._members_fd:
                self._heed_registrar(arrivals)
        if deadline <= self._looked:
            self._keep_deadlines(self._looked, arrivals)

    def _read(self, link: Link, arrivals: list[Arrival]) -> None:
        try:
            frames = link.read()
            if frames is None:
                self._drop(link)
                return
            if not link.name and frames:
                self._introduction.check(link, frames[0], self._limits.frame)
                del self._strangers[link.fd]
                self._out.setdefault(link.name, link)
                frames = frames[1:]
                if not self._announced(link):
                    self._introduce(link, frames, arrivals)
                    return
            self._deliver(link, frames, arrivals)
            if frames:
                self._hot = link
        except BlockingIOError:
            return
        except ProtocolError:
            self._drop(link)

    # Connections that come in

    def _accept(self, arrivals: list[Arrival]) -> None:
        for sock, pid in self._listener.accept():
            if len(self._strangers) >= self._limits.strangers:
                sock.close()
                continue
            link = Link(sock, self._scratch, HELLO_LIMIT)
            link.pid = pid
            link.deadline = time.monotonic() + self._limits.hello
            self._strangers[link.fd] = link
            self._add(link)
            # What came with the connection is read at once: it saves a turn.
            self._read(link, arrivals)

    def _introduce(self, link: Link, frames: list[memoryview], arrivals: list[Arrival]) -> None:
        """A peer speaks before the registrar's word that it came, and that an earlier life of
        its name ended, has been read: that is heeded first."""
        said: list[Arrival] = []
        self._deliver(link, frames, said)  # the frames lie in the scratch buffer, used below
        early: list[Arrival] = []
        self._catch_up(link, early)
        arrivals += [arrival for arrival in early if arrival[0] is not link]
        arrivals += said
        arrivals += [arrival for arrival in early if arrival[0] is link]

    def _deliver(self, link: Link, frames: list[memoryview], arrivals: list[Arrival]) -> None:
        decode = self._decode
        for frame in frames:
            arrivals.append((link, decode(frame), len(frame)))

    def _announced(self, link: Link) -> bool:
        if self._members.known is None:
            return True
        peer = self._members.known.get(link.name)
        return peer is not None and peer.incarnation == link.incarnation

    def _catch_up(self, link: Link, arrivals: list[Arrival]) -> None:
        self._heed_registrar(arrivals)
        if not self._announced(link):
            self._members.catch_up()
            self._heed_registrar(arrivals)

    @property
    def deadline(self) -> float:
        """See `Port.deadline`."""
        soonest = min((link.deadline for link in self._strangers.values()), default=math.inf)
        return min(soonest, self._listener.resume_at, self._members.deadline)

    def _keep_deadlines(self, now: float, arrivals: list[Arrival]) -> None:
        for link in [each for each in self._strangers.values() if each.deadline <= now]:
            self._drop(link)
        self._listener.resume(now)
        if self._members.deadline <= now:
            self._mend(now, arrivals)

    # Sending

    def send(self, to: str, envelope: Envelope) -> int:
        """See `Port.send`."""
        link = self._out.get(to)
        if link is None:
            link = self._dial(to)
        body = self._encode(envelope)
        size = len(body)
        if size > self._limits.frame:
            raise MessageTooLarge(size, self._limits.frame)
        if link.outbox.bytes or self._corked:
            self._check_room(link, size)
            self._queue(link, HEADER.pack(size) + body)
            if self._corked and not link.dirty:
                link.dirty = True
                self._dirty.append(link)
            return size
        try:
            if size < _COPY_UNDER:
                frame = HEADER.pack(size) + body
                sent = link.sock.send(frame)
                if sent != len(frame):
                    self._queue(link, memoryview(frame)[sent:])
            else:
                sent = link.sock.sendmsg((HEADER.pack(size), body))
                if sent != size + HEADER.size:
                    rest = memoryview(body)[max(sent - HEADER.size, 0) :]
                    if sent < HEADER.size:
                        rest = memoryview(HEADER.pack(size)[sent:] + body)
                    self._queue(link, rest)
        except BlockingIOError:
            self._queue(link, HEADER.pack(size) + body)
        except (BrokenPipeError, ConnectionResetError):
            # The other end hung up. Either the peer is gone, and nobody will find it, or a new
            # life of it has the name, and gets the message.
            self._mute(link)
            return self.send(to, envelope)
        return size

    def _queue(self, link: Link, frame: Buffer) -> None:
        link.outbox.put(frame)
        self._queued += len(frame)
        if not self._corked:
            self._watch(link)

    def _check_room(self, link: Link, size: int) -> None:
        if link.outbox.bytes + size > self._limits.peer:
            raise Backpressure(link.name, link.outbox.bytes, self._limits.peer)
        if self._queued + size > self._limits.process:
            self._queued = sum(each.outbox.bytes for each in self._links.values())
            if self._queued + size > self._limits.process:
                raise Backpressure(link.name, self._queued, self._limits.process)

    def _dial(self, to: str) -> Link:
        peer, others = self.find(to)
        if peer is None:
            raise NoSuchPeer(to, (other for other in others if other != self.name))
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect(self._route.peer_address(to, peer.incarnation))
        except BlockingIOError:
            sock.close()
            raise Backpressure(to, 0, 0) from None
        except (ConnectionRefusedError, FileNotFoundError):
            sock.close()
            raise NoSuchPeer(to, (info.name for info in self.peers())) from None
        except BaseException:
            sock.close()
            raise
        link = Link(sock, self._scratch, self._limits.frame)
        link.name = to
        link.incarnation = peer.incarnation
        link.pid = peer.pid
        sock.send(self._introduction.frame)
        self._add(link)
        self._out[to] = link
        return link

    def cork(self) -> None:
        """See `Port.cork`."""
        self._corked += 1

    def uncork(self) -> None:
        """See `Port.uncork`."""
        self._corked -= 1
        if self._corked or not self._dirty:
            return
        dirty, self._dirty = self._dirty, []
        for link in dirty:
            link.dirty = False
            if link.fd in self._links:
                self._write(link)

    def flush(self, timeout: float | None) -> bool:
        """See `Port.flush`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while waiting := [link for link in self._links.values() if link.outbox.bytes]:
            poll = select.poll()
            for link in waiting:
                poll.register(link.fd, select.POLLOUT)
            left = None if deadline is None else (deadline - time.monotonic()) * 1000
            if left is not None and left <= 0:
                return False
            poll.poll(left)
            for link in waiting:
                self._write(link)
        return True

    def backlog(self) -> dict[str, int]:
        """See `Port.backlog`."""
        return {link.name: len(link.outbox) for link in self._links.values() if link.outbox.bytes}

    def cut(self, name: str) -> None:
        """See `Port.cut`."""
        for link in [each for each in self._links.values() if each.name == name]:
            self._drop(link)

    def _write(self, link: Link) -> None:
        if link.write():
            self._watch(link)
        else:
            self._mute(link)

    # Presence

    def find(self, name: str) -> tuple[PeerInfo | None, list[str]]:
        """See `Port.find`."""
        found = self._members.find(name)
        self._follow_registrar()
        return found

    def peers(self) -> list[PeerInfo]:
        """See `Port.peers`."""
        return self._members.peers()

    def subscribe(self) -> list[PeerInfo]:
        """See `Port.subscribe`."""
        return self._members.subscribe()

    def ready(self) -> None:
        """See `Port.ready`."""
        self._members.ready()

    def _heed_registrar(self, arrivals: list[Arrival]) -> None:
        for word in self._members.read():
            self._heed(word, arrivals)
        self._follow_registrar()
        if self._members.ended and not self._over:
            self._over = True
            self.changes.append(Change("ended"))

    def _follow_registrar(self) -> None:
        """Waits on the descriptor of the registrar that there is now."""
        fd = self._members.fileno()
        if fd == self._members_fd:
            return
        if self._members_fd >= 0:
            with contextlib.suppress(OSError):  # closed, and gone from the epoll with that
                self._epoll.unregister(self._members_fd)
        if fd >= 0:
            self._epoll.register(fd, select.EPOLLIN)
        self._members_fd = fd

    def _mend(self, now: float, arrivals: list[Arrival]) -> None:
        """The registrar died: finds another one, and later those whose death it never told."""
        members = self._members
        if now < members.settle_at:
            members.mend(now)
        else:
            with contextlib.suppress(BusGone):
                self._resync(members.settle([link.name for link in self._out.values()]), arrivals)
        self._heed_registrar(arrivals)

    def _heed(self, word: FromRegistrar, arrivals: list[Arrival]) -> None:
        match word:
            case Joined(peer=peer):
                self._meet(peer)
            case Left(name=name, incarnation=incarnation):
                self._bury(name, incarnation, arrivals)
            case Listing(peers=peers):
                self._resync(peers, arrivals)
            case Terminate():
                self.changes.append(Change("terminate"))
            case Ended():
                pass  # the hang-up that follows says it

    def _meet(self, peer: PeerInfo) -> None:
        known = self._members.known
        before = None
        if known is not None:
            before = known.get(peer.name)
            known[peer.name] = peer
        if before is None or before.incarnation != peer.incarnation:
            self.changes.append(Change("joined", peer))
        elif before != peer:
            self.changes.append(Change("ready", peer))

    def _resync(self, peers: list[PeerInfo], arrivals: list[Arrival]) -> None:
        """Takes the whole table as it is now, in place of changes that were never told."""
        now = {peer.name: peer for peer in peers}
        linked = {(link.name, link.incarnation) for link in self._links.values() if link.name}
        known = self._members.known or {}
        before = linked | {(peer.name, peer.incarnation) for peer in known.values()}
        for name, incarnation in sorted(before):
            if name not in now or now[name].incarnation != incarnation:
                self._bury(name, incarnation, arrivals)
        if self._members.known is not None:
            for peer in peers:
                self._meet(peer)

    def _bury(self, name: str, incarnation: str, arrivals: list[Arrival]) -> None:
        """Reads all that a dead peer has said, then notes that it left."""
        self._accept(arrivals)
        for link in [each for each in self._links.values() if each.incarnation == incarnation]:
            self._read_rest(link, arrivals)
            self._drop(link)
        peer = PeerInfo(name, 0, incarnation, "client", True, 0.0)
        known = self._members.known
        if known is not None and name in known and known[name].incarnation == incarnation:
            peer = known.pop(name)
        self.changes.append(Change("left", peer))

    def _read_rest(self, link: Link, arrivals: list[Arrival]) -> None:
        """Reads a link until nothing is left; a sibling may hold it open, so not to its end."""
        while link.fd in self._links:
            try:
                frames = link.read()
                if frames is None:
                    return
                self._deliver(link, frames, arrivals)
            except (BlockingIOError, ProtocolError):
                return

    # Links

    def _add(self, link: Link) -> None:
        self._links[link.fd] = link
        link.watched = select.EPOLLIN
        self._epoll.register(link.fd, select.EPOLLIN)

    def _watch(self, link: Link) -> None:
        wanted = select.EPOLLIN | (select.EPOLLOUT if link.outbox.bytes else 0)
        if wanted != link.watched:
            link.watched = wanted
            self._epoll.modify(link.fd, wanted)

    def _mute(self, link: Link) -> None:
        """Stops sending over a link; what the peer said before it hung up is still read."""
        link.outbox.clear()
        self._watch(link)
        if self._out.get(link.name) is link:
            del self._out[link.name]

    def _drop(self, link: Link) -> None:
        if self._links.pop(link.fd, None) is None:
            return
        self._strangers.pop(link.fd, None)
        if self._out.get(link.name) is link:
            del self._out[link.name]
        if self._hot is link:
            self._hot = None
        self._epoll.unregister(link.fd)
        link.sock.close()

    # The end

    def close(self) -> None:
        """See `Port.close`."""
        if self._closed:
            return
        self._closed = True
        for link in self._links.values():
            link.sock.close()
        self._links.clear()
        self._out.clear()
        self._listener.close(self._address)
        self._members.leave()
        self._epoll.close()
        self._route.close()

    def forget_after_fork(self) -> None:
        """See `Port.forget_after_fork`."""
        self._closed = True
        for link in self._links.values():
            link.sock.close()
        self._listener.close()
        self._members.close()
        self._epoll.close()
        self._route.close()
