"""A peer's membership: its name at the registrar, and what it knows of the others.

When the registrar dies, messages flow on over the links that stand; the first service to
notice starts another registrar, and everybody registers again.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import select
import time
from collections.abc import Callable
from threading import get_ident
from typing import Final

from ipcm._core.names import may_be_somebody
from ipcm._core.presence import (
    Answer,
    EndWith,
    Find,
    Found,
    FromPeer,
    FromRegistrar,
    Joined,
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
from ipcm._core.subscription import ObserveOptions
from ipcm._os.process import ProcessIdentity
from ipcm.errors import BusGone, InsecureDirectory, NameTaken
from ipcm.transports.unix.hello import HELLO_LIMIT
from ipcm.transports.unix.keeper import restart_registrar
from ipcm.transports.unix.presence import PATIENCE, PresenceLink, W, encode_word, reach
from ipcm.transports.unix.route import Route

__all__ = ["Membership"]

_RETRY: Final = 0.02
_GIVE_UP: Final = 2.0
_RETRY_LATE: Final = 0.25
_ATTEMPTS: Final = 10
_TRUST: Final = 1.0


class Membership:
    """Asks and tells the registrar, and finds a new one when it has died.

    Attributes:
        known: the peers by name, once subscribed; else None.
        watched: names and incarnations of those looked up, whose end this one is to be told, and
            what kind of peer each is.
        ended: the bus is over.
        fd: the descriptor of the registrar's that the epoll looks at, or -1.
        settle_at: after a new start of the registrar, when everybody must have registered
            again (monotonic seconds): who is missing then is gone. Else infinity.

    Raises:
        NameTaken, BusGone.
    """

    def __init__(
        self, route: Route, name: str, incarnation: str, kind: PeerKind, epoll: select.epoll
    ) -> None:
        self.known: dict[str, PeerInfo] | None = None
        self.watched: dict[tuple[str, str], PeerKind] = {}
        self.ended = False
        self.fd = -1
        self.settle_at = math.inf
        self._epoll = epoll
        self._route = route
        self._name = name
        self._incarnation = incarnation
        self._kind = kind
        self._ready = kind != "service"
        self._wants: ObserveOptions | None = None
        self._master: ProcessIdentity | None = None
        self._watching: dict[int, tuple[str, str]] = {}
        self._retry_at = math.inf
        self._give_up_at = math.inf
        self._link = self._join(route.peer_address(name, incarnation))
        self._look_at(self._link)

    def _join(self, own: str) -> PresenceLink:
        deadline = time.monotonic() + _GIVE_UP
        while True:
            link = reach(self._route, own)
            try:
                return self._enter(link)
            except BusGone:
                # Where the registrar died while it was asked, there will be a next one.
                if not link.lost or time.monotonic() >= deadline:
                    raise

    def _enter(self, link: PresenceLink) -> PresenceLink:
        try:
            word = Register(
                link.next_seq(),
                self._name,
                self._incarnation,
                self._kind,
                self._ready,
                get_ident(),
            )
            answer = link.ask(word, Answer)
            if answer.error is not None and answer.pid is None:
                raise BusGone(answer.error)
            if answer.error is not None:
                raise NameTaken(self._name, answer.pid)
        except BaseException:
            link.close()
            raise
        return link

    def _look_at(self, link: PresenceLink | None) -> None:
        """Has the epoll look at a link in place of the one before, which is still open: once it
        is closed, another descriptor may have its number.
        """
        if self.fd >= 0:
            self._epoll.unregister(self.fd)
        self.fd = -1 if link is None else link.fileno()
        if self.fd >= 0:
            self._epoll.register(self.fd, select.EPOLLIN)

    @property
    def deadline(self) -> float:
        """When `mend` or `settle` is due; where something is `pending`, `read` is at once."""
        return min(self._retry_at, self.settle_at)

    @property
    def pending(self) -> bool:
        """Whether `read` has to do with what came in beside an answer: the descriptor is silent.

        That is words, or the registrar's hang-up.
        """
        unheard = self._link.lost and not self.ended and self._retry_at == math.inf
        return unheard or bool(self._link.pushed)

    # Listening

    def read(self) -> list[FromRegistrar]:
        """What the registrar has told; never waits."""
        link = self._link
        if not link.lost:
            link.read()
        words, link.pushed = link.pushed, []
        if link.lost:
            self._look_at(None)
        if link.lost and not self.ended and self._retry_at == math.inf:
            self.ended = link.ended
            if not self.ended:
                now = time.monotonic()
                self._retry_at, self._give_up_at = now, now + _GIVE_UP
        return words

    def mend(self, now: float) -> bool:
        """Finds, or starts, a new registrar where that is due.

        Returns:
            Whether there is one now; its descriptor is another.
        """
        if now < self._retry_at:
            return False
        try:
            if self._kind == "service":
                restart_registrar(self._route)
            link = self._enter(PresenceLink(self._route))
        except (BusGone, NameTaken, InsecureDirectory, OSError):
            self._retry_at = now + _RETRY
            if now >= self._give_up_at:
                self.ended = not self._may_be_replaced()
                self._retry_at = math.inf if self.ended else now + _RETRY_LATE
            return False
        link.pushed[:0] = self._link.pushed
        self._watching.clear()  # `settle` looks for them
        self._look_at(link)
        self._link.close()
        self._link = link
        self._retry_at = math.inf
        self.settle_at = now + _TRUST
        if self._master is not None:
            link.tell(EndWith(self._master))
        if self._wants is not None:
            link.tell(Want(self._wants))
        if self.known is not None:
            told = len(link.pushed)
            with contextlib.suppress(BusGone):  # it died too, and that is seen at the next look
                listing = link.ask(Subscribe(link.next_seq()), Listing)
                # Those who were quicker have come before we heard of it; who is missing is not
                # gone for that.
                link.pushed[told:told] = [Joined(peer) for peer in listing.peers]
        return True

    def _may_be_replaced(self) -> bool:
        """Whether a service lives that will start another registrar, once it is done with what
        keeps it busy; a service that cannot has nobody to wait for.
        """
        if self._kind == "service":
            return False
        lives = {life for life, kind in self.watched.items() if kind == "service"}
        for peer in (self.known or {}).values():
            if peer.kind == "service":
                lives.add((peer.name, peer.incarnation))
        route = self._route
        return any(route.listener(route.peer_address(*life)) is not None for life in lives)

    def settle(self) -> list[PeerInfo]:
        """Everybody has had the time to register again: looks who is there."""
        self.settle_at = math.inf
        for peer in self.list_peers():
            if (peer.name, peer.incarnation) in self.watched:
                self._ask_find(peer.name)
        # Once more: of those who leave from now on this one is told, of those before it is not.
        return self.list_peers()

    def _present(self) -> PresenceLink:
        """The link; waits a moment for a new registrar where there is none."""
        deadline = time.monotonic() + PATIENCE
        while self._link.lost:
            self._link.pushed = self.read()
            if self.ended:
                raise BusGone(f"the bus at {self._route.path} ended")
            if self.mend(now := time.monotonic()):
                break
            if now >= deadline:
                raise BusGone(
                    f"the registrar of the bus at {self._route.path} has died, and the services, "
                    "of which the first to notice starts another, are busy or stopped"
                )
            select.poll().poll(_RETRY * 1000)
        return self._link

    def _ask(self, make: Callable[[int], FromPeer], answer: type[W]) -> W:
        """Asks the registrar; where it has died, or does so now, the next one.

        Args:
            make: the question, with its number.
        """
        for attempt in itertools.count(1):
            link = self._present()
            try:
                return link.ask(make(link.next_seq()), answer)
            except BusGone:
                if not link.lost or attempt == _ATTEMPTS:
                    raise
        raise AssertionError("counting ends")

    # Asking

    def find(self, name: str) -> tuple[PeerInfo | None, list[str]]:
        """See `Port.find`."""
        if self.known is not None and name in self.known:
            return self.known[name], []
        if not may_be_somebody(name):
            return None, [peer.name for peer in self.list_peers() if peer.kind != "observer"]
        found = self._ask_find(name)
        return found.peer, found.others

    def _ask_find(self, name: str) -> Found:
        found = self._ask(lambda seq: Find(seq, name), Found)
        if found.peer is not None:
            self.watched[name, found.peer.incarnation] = found.peer.kind
        return found

    def watch(self, name: str, incarnation: str) -> None:
        """Wants to be told of the end of a life that has not been looked up; waits for nothing.

        Whether it is told is in the answer, a word of its own: see `not_watched`.
        """
        life = (name, incarnation)
        if self.known is None and life not in self.watched:
            self.watched[life] = "client"
            if not self._link.lost:
                seq = self._link.next_seq()
                self._watching[seq] = life
                self._link.tell(Find(seq, name), pushed=True)

    def not_watched(self, found: Found) -> tuple[str, str] | None:
        """The life that an answer to `watch` says nothing will be told of: it is not there."""
        life = self._watching.pop(found.seq, None)
        if life is None or life not in self.watched:
            return None
        if found.peer is None or found.peer.incarnation != life[1]:
            return life
        self.watched[life] = found.peer.kind
        return None

    def list_peers(self) -> list[PeerInfo]:
        """Everybody, as the registrar knows it now."""
        return self._ask(ListPeers, Listing).peers

    def peers(self) -> list[PeerInfo]:
        """See `Port.peers`."""
        return self.list_peers() if self.known is None else list(self.known.values())

    def subscribe(self) -> list[PeerInfo]:
        """See `Port.subscribe`."""
        if self.known is not None:
            # Asking anew would take in, as long known, what the changes have yet to tell.
            return list(self.known.values())
        peers = self._ask(Subscribe, Listing).peers
        self.known = {peer.name: peer for peer in peers}
        return peers

    def catch_up(self) -> None:
        """Makes sure that everything the registrar has told until now is read."""
        with contextlib.suppress(BusGone):
            link = self._link
            link.ask(ListPeers(link.next_seq()), Listing, _TRUST)

    def ready(self) -> None:
        """See `Port.ready`."""
        self._ready = True
        self._link.tell(Ready())

    def want(self, wants: ObserveOptions) -> None:
        """See `Port.want`."""
        # The registrar takes no longer word. Who wants that many by name asks each.
        if len(encode_word(Want(wants))) <= HELLO_LIMIT:
            self._wants = wants
            self._link.tell(Want(wants))

    def end_with(self, process: ProcessIdentity | None) -> None:
        """See `Port.end_with`."""
        self._master = process
        self._link.tell(EndWith(process))

    def leave(self) -> None:
        """Gives the name back, and hangs up."""
        if self._link.lost and not self.ended:
            # Those who know it hear of its leaving from the next registrar, if there is one.
            with contextlib.suppress(BusGone, NameTaken, InsecureDirectory, OSError):
                link = self._enter(PresenceLink(self._route))
                self._link.close()
                self._link = link
        if not self._link.lost:
            with contextlib.suppress(BusGone):
                self._link.ask(Leave(self._link.next_seq()), Answer, min(PATIENCE, 1.0))
        self._link.close()

    def close(self) -> None:
        """Hangs up."""
        self._link.close()
