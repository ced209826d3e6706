"""A peer's place on a unix bus: its listener, its links, and its line to the registrar."""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections import deque
from typing import Final

from ipcm._core.envelope import FAILURES, Envelope
from ipcm._core.framing import HEADER, Frame
from ipcm._core.patience import LONGEST_WAIT
from ipcm._core.presence import PeerKind
from ipcm._os.fork import close_in_children
from ipcm._os.memory import keep_freed, scratch
from ipcm.errors import Backpressure, MessageTooLarge, NoSuchPeer, ProtocolError
from ipcm.serializers import Serializer
from ipcm.transports.base import Arrival, Change, Limits
from ipcm.transports.unix.absent import Absent
from ipcm.transports.unix.announced import PresentPort
from ipcm.transports.unix.hello import HELLO_LIMIT, Introduction
from ipcm.transports.unix.link import Link
from ipcm.transports.unix.links import Links, dial
from ipcm.transports.unix.listener import Listener
from ipcm.transports.unix.membership import Membership
from ipcm.transports.unix.route import Route

__all__ = ["UnixPort"]

_SCRATCH: Final = 256 << 10
_SPIN: Final = 50e-6
_QUICK: Final = 200e-6
_LOOK_AROUND: Final = 1e-3
_COPY_UNDER: Final = 32 << 10
_MAY_STAY: Final = 256 << 10  # more than the kernel takes at once of what nobody reads
# A message that there is no memory for costs whoever sent it, and not those who send small ones.
_UNREADABLE: Final = (*FAILURES, MemoryError)
_pack: Final = HEADER.pack
_monotonic: Final = time.monotonic
_give_way: Final = os.sched_yield


class UnixPort(PresentPort):
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
        self._pack = serializer.pack
        self._unpack = serializer.unpack
        self._scratch = scratch(_SCRATCH)
        self._introduction = Introduction(route.record().key, name, incarnation, read_only)
        self._looked = 0.0
        self.spin = spin
        self._credit = False
        self._no_credit_until = 0.0
        self._streaming = False
        self._copy_under = min(_COPY_UNDER, self._limits.frame + 1)
        # A large frame is on its way, in or out: its pieces are worth a sleep each.
        self._bulk = False
        self._burying = set()
        self._missed = set()
        self._dead = {}
        self._words = deque()
        self._closed = False
        self._over = False
        self._address = route.peer_address(name, incarnation)
        with contextlib.ExitStack() as undo:
            self._epoll = select.epoll()
            undo.callback(self._epoll.close)
            self._absent = Absent(route, self._epoll)
            self._links = Links(self._epoll, self._limits)
            self.outgoing = self._links.outgoing
            # It listens before it is announced: who hears of it can dial it.
            self._listener = Listener(route.listen(self._address), self._epoll)
            undo.callback(self._listener.close, self._address)
            self._members = Membership(route, name, incarnation, kind, self._epoll)
            undo.callback(self._members.close)
            undo.pop_all()
        close_in_children(self)

    # Receiving

    def fileno(self) -> int:
        """An epoll descriptor over all links; it can itself be selected on."""
        return self._epoll.fileno()

    def receive(self, timeout: float | None = 0.0, spin: bool = False) -> list[Arrival]:
        """See `Port.receive`: one look, at most one sleep."""
        arrivals: list[Arrival] = []
        if self._links.held:
            self._links.push()
        hot = self._links.hot
        # The link that spoke last is read first: one system call instead of two. The others
        # are looked at every millisecond at least.
        spin = (spin or timeout != 0) and self._credit and not self._bulk
        if hot is None or (now := _monotonic()) - self._looked >= _LOOK_AROUND:
            if self._look(0, arrivals) or self.changes:
                return arrivals
        elif self._streaming or not spin:
            self._read(hot, arrivals)
            if arrivals:
                return arrivals
        elif self._spin_on(hot, arrivals, now):
            return arrivals
        if self._links.hot is not hot:
            return arrivals  # it hung up, and what waited for it does so no more
        began = _monotonic()
        self._look(timeout, arrivals)
        if timeout != 0:
            self.slept(_monotonic() - began)
        return arrivals

    def _spin_on(self, hot: Link, arrivals: list[Arrival], began: float) -> bool:
        """Looks again and again; whether something happened. Giving the CPU away between two looks
        makes this work on a single CPU too, where the other side has had its turn after the
        first one. With several CPUs it takes a while: to ask epoll costs a fifth of a read that
        finds nothing, and raises.
        """
        _give_way()
        self._read(hot, arrivals)
        now = _monotonic()
        if now - began > _QUICK:
            # Somebody else wants the CPU, and keeps it: a sleeper is woken sooner than that. On
            # a busy machine a twentieth of the time at the most is lost by trying again.
            self._credit = False
            self._no_credit_until = now + 20 * (now - began)
            return bool(arrivals)
        if arrivals:
            return True
        deadline, poll = now + self.spin, self._epoll.poll
        while True:
            _give_way()
            events = poll(0)
            self._looked = _monotonic()
            if events:
                self._heed_events(events, arrivals)
                return True
            if self._looked > deadline:
                self._credit = False
                return False

    def slept(self, seconds: float) -> None:
        """See `Port.slept`."""
        if seconds < _QUICK and self.spin > 0 and _monotonic() >= self._no_credit_until:
            self._credit = True

    def _look(self, timeout: float | None, arrivals: list[Arrival]) -> bool:
        """Waits once; whether something happened."""
        deadline = self.deadline
        if deadline < math.inf and timeout != 0:
            left = max(deadline - _monotonic(), 0.0)
            timeout = left if timeout is None else min(timeout, left)
        events = self._epoll.poll(-1 if timeout is None else min(timeout, LONGEST_WAIT))
        self._looked = _monotonic()
        self._heed_events(events, arrivals)
        if deadline <= self._looked:
            self._keep_deadlines(self._looked, arrivals)
        return bool(events or arrivals)

    def _heed_events(self, events: list[tuple[int, int]], arrivals: list[Arrival]) -> None:
        links = self._links
        for fd, event in events:
            link = links.by_fd.get(fd)
            if link is not None:
                if event & ~select.EPOLLOUT:
                    self._read(link, arrivals)
                if event & select.EPOLLOUT and links.by_fd.get(fd) is link:
                    links.write(link)
            elif fd == self._listener.fd:
                self._accept(arrivals)
            elif fd == self._members.fd:
                self._heed_registrar(arrivals)
            else:
                self._heed_end(fd, arrivals)

    def _read(self, link: Link, arrivals: list[Arrival]) -> None:
        try:
            frames = link.read()
            if frames is None:
                self._hang_up(link, arrivals)
                return
            if not link.name and frames:
                self._introduction.check(link, frames[0])
                # Only a hello of one's own says that one may but look.
                self._links.introduced(link, answered=not self._introduction.read_only)
                frames = frames[1:]
                if not self._announced(link):
                    self._introduce(link, frames, arrivals)
                    return
            if not frames:
                self._bulk = True
                keep_freed()
                return
            unpack = self._unpack
            try:
                for frame in frames:  # one by one: those before a bad one count
                    arrivals.append((link, unpack(frame), len(frame)))  # noqa: PERF401
            except _UNREADABLE:
                self._links.drop(link)
                return
            self._links.hot = link
            # Who sends several at once has mostly sent more by the time they are handled.
            self._streaming = len(frames) > 1
            self._bulk = False
        except BlockingIOError:
            return
        except (ProtocolError, MemoryError):
            self._links.drop(link)

    # Connections that come in

    def _accept(self, arrivals: list[Arrival]) -> None:
        for sock, pid in self._listener.accept():
            link = Link(sock, self._scratch, self._limits.frame, HELLO_LIMIT)
            link.pid = pid
            link.deadline = _monotonic() + self._limits.hello
            self._links.add_stranger(link)
            # What came with the connection is read at once: it saves a turn.
            self._read(link, arrivals)

    def _deliver(self, link: Link, frames: list[Frame], arrivals: list[Arrival]) -> None:
        try:
            for frame in frames:
                arrivals.append((link, self._unpack(frame), len(frame)))  # noqa: PERF401
        except _UNREADABLE:
            self._links.drop(link)

    @property
    def deadline(self) -> float:
        """See `Port.deadline`."""
        if self._unheard:
            return 0.0
        soonest = min((link.deadline for link in self._links.strangers.values()), default=math.inf)
        return min(soonest, self._listener.resume_at, self._members.deadline)

    def _keep_deadlines(self, now: float, arrivals: list[Arrival]) -> None:
        for link in [each for each in self._links.strangers.values() if each.deadline <= now]:
            self._links.drop(link)
        self._listener.resume(now)
        if self._unheard:
            self._heed_registrar(arrivals)
        if self._members.deadline <= now:
            self._mend(now, arrivals)

    # Sending

    def send(self, to: str, envelope: Envelope) -> int:
        """See `Port.send`."""
        links = self._links
        link = links.outgoing.get(to)
        if link is None:
            link = self._dial(to)
        pack = self._pack
        try:
            body = pack(envelope)
        except FAILURES:
            body = self._encode(envelope)  # it says what is wrong
        size = len(body)
        if links.corked or link.outbox.bytes:
            if size > self._limits.frame:
                raise MessageTooLarge(size, self._limits.frame)
            links.hold(link, _pack(size) + body)
            return size
        try:
            if size < self._copy_under:
                frame = _pack(size) + body
                sent = link.sock.send(frame)
                if sent != size + 4:
                    links.queue(link, memoryview(frame)[sent:])
            else:
                if size > self._limits.frame:
                    raise MessageTooLarge(size, self._limits.frame)
                if size > _MAY_STAY:
                    # Most of it will wait: what is begun has to be kept.
                    links.check_room(link, size)
                    self._bulk = True
                keep_freed()
                sent = link.sock.sendmsg((_pack(size), body))
                if sent != size + HEADER.size:
                    rest = memoryview(body)[max(sent - HEADER.size, 0) :]
                    if sent < HEADER.size:
                        rest = memoryview(_pack(size)[sent:] + body)
                    links.queue(link, rest)
        except BlockingIOError:
            links.hold(link, _pack(size) + body)
            return size
        except (BrokenPipeError, ConnectionResetError):
            links.mute(link)
        else:
            return size
        # The other end hung up. Either the peer is gone, and nobody will find it, or a new life of
        # it has the name, and gets the message.
        return self.send(to, envelope)

    def _dial(self, to: str) -> Link:
        link = self._links.incoming.get(to)
        if link is not None:
            # What is sent may want an answer: its end is to be told.
            self._members.watch(link.name, link.incarnation)
            self._links.outgoing[to] = link
            return link
        peer, others = self.find(to)
        if peer is None:
            raise NoSuchPeer(to, (other for other in others if other != self.name))
        try:
            sock = dial(self._route.peer_address(to, peer.incarnation))
        except BlockingIOError:
            raise Backpressure(to, 0, 0) from None
        except (ConnectionRefusedError, FileNotFoundError):
            raise self._left(to) from None
        try:
            sock.send(self._introduction.frame)
        except BaseException as error:
            sock.close()
            if isinstance(error, BrokenPipeError | ConnectionResetError):
                # It hung up at once: it is on its way out.
                raise self._left(to) from None
            raise
        link = Link(sock, self._scratch, self._limits.frame)
        link.name = to
        link.incarnation = peer.incarnation
        link.pid = peer.pid
        self._links.add(link)
        self._links.outgoing[to] = link
        return link

    def _left(self, name: str) -> NoSuchPeer:
        """It does not listen any more, and the registrar may not know that yet."""
        others = (each.name for each in self.peers() if each.kind != "observer")
        return NoSuchPeer(name, (other for other in others if other not in (name, self.name)))

    def cork(self) -> None:
        """See `Port.cork`."""
        self._links.corked += 1

    def uncork(self) -> None:
        """See `Port.uncork`."""
        self._links.uncork()

    def push(self) -> None:
        """See `Port.push`."""
        self._links.push()

    def flush(self) -> bool:
        """See `Port.flush`."""
        links = self._links
        for link in links.waiting():
            links.write(link)
        return not links.waiting()

    def backlog(self) -> dict[str, int]:
        """See `Port.backlog`."""
        return {link.name: len(link.outbox) for link in self._links.waiting()}

    def widen(self, name: str) -> None:
        """See `Port.widen`."""
        for link in self._links.named(name):
            link.widen()

    def cut(self, name: str) -> None:
        """See `Port.cut`."""
        for link in self._links.named(name):
            self._links.drop(link)

    # The end

    def close(self) -> None:
        """See `Port.close`."""
        if self._closed:
            return
        self._closed = True
        # First: whoever sees a link end, and looks, finds nobody there.
        self._listener.close(self._address)
        self._links.close()
        self._absent.close()
        self._members.leave()
        self._epoll.close()
        self._route.close()

    def forget_after_fork(self) -> None:
        """See `Port.forget_after_fork`."""
        self._closed = True
        self._links.close()
        self._absent.close()
        self._listener.close()
        self._members.close()
        self._epoll.close()
        self._route.close()
