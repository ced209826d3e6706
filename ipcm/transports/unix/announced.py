"""The half of a port that hears from the registrar: who is there, who came, and who left."""

from __future__ import annotations

import abc
import contextlib
import select
from collections import deque

from ipcm._core.framing import Frame
from ipcm._core.presence import (
    Ended,
    Found,
    FromRegistrar,
    Joined,
    Left,
    Listing,
    PeerInfo,
    Terminate,
)
from ipcm._core.subscription import ObserveOptions
from ipcm._os.process import ProcessIdentity
from ipcm.errors import BusGone, ProtocolError
from ipcm.transports.base import Arrival, Change, Port
from ipcm.transports.known import meet, part
from ipcm.transports.unix.absent import Absent
from ipcm.transports.unix.link import Link
from ipcm.transports.unix.links import Links
from ipcm.transports.unix.membership import Membership

__all__ = ["PresentPort"]


class PresentPort(Port):
    """Keeps the order between what peers say and what is told of them.

    What a peer has said is read before its leaving is told, and its coming before what it says.
    """

    _epoll: select.epoll
    _links: Links
    _members: Membership
    _absent: Absent
    _burying: set[tuple[str, str]]
    _missed: set[tuple[str, str]]
    _dead: dict[tuple[str, str], bool]
    _words: deque[FromRegistrar]
    _heeding: bool = False
    _over: bool = False

    @abc.abstractmethod
    def _accept(self, arrivals: list[Arrival]) -> None:
        """Takes the connections that wait, and what came with them."""

    @abc.abstractmethod
    def _deliver(self, link: Link, frames: list[Frame], arrivals: list[Arrival]) -> None:
        """Decodes frames; a bad one costs the link, and those before it count."""

    def find(self, name: str) -> tuple[PeerInfo | None, list[str]]:
        """See `Port.find`."""
        return self._members.find(name)

    def peers(self) -> list[PeerInfo]:
        """See `Port.peers`."""
        return self._members.peers()

    def subscribe(self) -> list[PeerInfo]:
        """See `Port.subscribe`."""
        return self._members.subscribe()

    def ready(self) -> None:
        """See `Port.ready`."""
        self._members.ready()

    def want(self, wants: ObserveOptions) -> None:
        """See `Port.want`."""
        self._members.want(wants)

    def end_with(self, process: ProcessIdentity | None) -> None:
        """See `Port.end_with`."""
        self._members.end_with(process)

    @property
    def _unheard(self) -> bool:
        """Whether there is something to heed though the registrar's descriptor is silent: also
        that a question that was asked has found the bus to be over.
        """
        return self._members.pending or (self._members.ended and not self._over)

    def _heed_registrar(self, arrivals: list[Arrival]) -> None:
        if self._heeding:
            return  # one word after the other: what one of them brings along waits for the next
        self._heeding = True
        try:
            self._words += self._members.read()
            while self._words:
                self._heed(self._words.popleft(), arrivals)
        finally:
            self._heeding = False
        if self._members.ended and not self._over:
            self._over = True
            self.changes.append(Change("ended"))

    def _mend(self, now: float, arrivals: list[Arrival]) -> None:
        """The registrar died: finds another one, and later those whose death it never told."""
        members = self._members
        if now < members.settle_at:
            members.mend(now)
        else:
            with contextlib.suppress(BusGone):
                self._resync(members.settle(), arrivals)
        self._heed_registrar(arrivals)

    def _heed(self, word: FromRegistrar, arrivals: list[Arrival]) -> None:
        match word:
            case Joined(peer=peer):
                self._meet(peer, arrivals)
            case Left(name=name, incarnation=incarnation):
                life = (name, incarnation)
                if life in self._missed or life in self._dead:
                    self._missed.discard(life)
                    self._dead.pop(life, None)
                else:
                    self._bury(name, incarnation, arrivals)
            case Listing(peers=peers):
                self._resync(peers, arrivals)
            case Found():
                self._heed_found(word, arrivals)
            case Terminate():
                self.changes.append(Change("terminate"))
            case Ended():
                pass  # the hang-up that follows says it

    def _heed_found(self, word: Found, arrivals: list[Arrival]) -> None:
        """The answer for one that has dialled this port, and was to be watched."""
        life = self._members.not_watched(word)
        if life is not None and not self._absent.lives(*life):
            self._bury(*life, arrivals)

    def _meet(self, peer: PeerInfo, arrivals: list[Arrival]) -> None:
        if (peer.name, peer.incarnation) in self._dead:
            return  # the registrar is about to tell its end
        before = (self._members.known or {}).get(peer.name)
        if before is not None and before.incarnation != peer.incarnation:
            # It died together with the registrar, and the next one has only known this life.
            self._bury(before.name, before.incarnation, arrivals)
        self._absent.back(peer.name, peer.incarnation)
        change = meet(self._members.known, peer)
        if change is not None:
            self.changes.append(change)

    def _resync(self, peers: list[PeerInfo], arrivals: list[Arrival]) -> None:
        """Takes the whole table as it is now, in place of changes that were never told."""
        # Where it was asked for, the word of a leaving may have come before the answer: it is
        # heeded after it, and then tells nothing new.
        now = {peer.name: peer for peer in peers}
        self._missed.clear()
        # The same goes for those whose death was seen here: they are kept until the next time.
        there = {(peer.name, peer.incarnation) for peer in peers}
        self._dead = {life: life not in there for life, old in self._dead.items() if not old}
        before = {(link.name, link.incarnation) for link in self._links.by_fd.values() if link.name}
        before |= self._members.watched.keys()
        before |= {(peer.name, peer.incarnation) for peer in (self._members.known or {}).values()}
        for name, incarnation in sorted(before):
            if name in now and now[name].incarnation == incarnation:
                continue
            if name in now or not self._absent.lives(name, incarnation):
                self._missed.add((name, incarnation))
                self._bury(name, incarnation, arrivals)
        if self._members.known is not None:
            for peer in peers:
                self._meet(peer, arrivals)

    def _heed_end(self, pidfd: int, arrivals: list[Arrival]) -> None:
        """One has died that the registrar did not know; unless it has just come to know it, and
        tells of its coming and going after that.
        """
        life = self._absent.has_ended(pidfd)
        if life is not None:
            self._dead[life] = False
            self._bury(*life, arrivals)

    def _hang_up(self, link: Link, arrivals: list[Arrival]) -> None:
        """The other end of a link is gone. Where the registrar did not know it, that may be all
        that is heard of its leaving: it may have come back for a moment, of which those who did
        not subscribe are not told.
        """
        self._links.drop(link)
        if self._absent.has_left(link.name, link.incarnation):
            self._dead[link.name, link.incarnation] = False
            self._bury(link.name, link.incarnation, arrivals)

    def _bury(self, name: str, incarnation: str, arrivals: list[Arrival]) -> None:
        """Reads all that a dead peer has said, then notes that it left."""
        life = (name, incarnation)
        if life in self._burying:
            # Among those who wait to be accepted is its next life, which is told of after it.
            self._tell_left(life)
            return
        self._burying.add(life)
        self._absent.back(name, incarnation)
        for link in self._links.named(name):
            if link.incarnation == incarnation:
                self._read_rest(link, arrivals)
        self._accept(arrivals)
        for link in self._links.named(name):
            if link.incarnation == incarnation:
                self._read_rest(link, arrivals)
                self._links.drop(link)
        self._tell_left(life)

    def _tell_left(self, life: tuple[str, str]) -> None:
        if life in self._burying:
            self._burying.discard(life)
            self._members.watched.pop(life, None)
            self.changes.append(part(self._members.known, *life))

    def _read_rest(self, link: Link, arrivals: list[Arrival]) -> None:
        """Reads a link until nothing is left; a sibling may hold it open, so not to its end."""
        while link.fd in self._links.by_fd:
            try:
                frames = link.read()
                if frames is None:
                    return
                self._deliver(link, frames, arrivals)
            except (BlockingIOError, ProtocolError, MemoryError):
                return

    # Those who speak before they were told of

    def _introduce(self, link: Link, frames: list[Frame], arrivals: list[Arrival]) -> None:
        """A peer speaks before the registrar's word that it came, and that an earlier life of
        its name ended, has been read: that is heeded first.
        """
        said: list[Arrival] = []
        self._deliver(link, frames, said)  # the frames lie in the scratch buffer, used below
        early: list[Arrival] = []
        self._catch_up(link, early)
        arrivals += [arrival for arrival in early if arrival[0] is not link]
        arrivals += said
        arrivals += [arrival for arrival in early if arrival[0] is link]
        self._heed_registrar(arrivals)

    def _announced(self, link: Link) -> bool:
        if self._members.known is None:
            return True
        peer = self._members.known.get(link.name)
        return peer is not None and peer.incarnation == link.incarnation

    def _catch_up(self, link: Link, arrivals: list[Arrival]) -> None:
        """Heeds words up to the one that announces a peer, and no later one."""
        self._words += self._members.read()
        self._heed_until(link, arrivals)
        if not self._announced(link):
            self._members.catch_up()
            self._words += self._members.read()
            self._heed_until(link, arrivals)

    def _heed_until(self, link: Link, arrivals: list[Arrival]) -> None:
        while self._words and not self._announced(link):
            self._heed(self._words.popleft(), arrivals)
