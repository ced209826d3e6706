"""The registrar's decisions: who holds which name, and who is to be told what."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ipcm._core.presence import (
    Answer,
    Find,
    Found,
    FromRegistrar,
    Joined,
    Leave,
    Left,
    Listing,
    ListPeers,
    PeerInfo,
    Ready,
    Register,
    Subscribe,
    Terminate,
    Want,
)

__all__ = ["Outgoing", "Roster"]


class Outgoing(NamedTuple):
    """A word for one connection (a number that the driver gave it)."""

    connection: int
    word: FromRegistrar


class Roster:
    """The table of peers, one connection each.

    Every method returns the words to send, in order; nothing is sent from here.
    """

    def __init__(self) -> None:
        self.peers: dict[int, PeerInfo] = {}
        self._names: dict[str, int] = {}
        self._subscribers: dict[int, None] = {}
        self._watchers: dict[str, dict[int, None]] = {}

    def holder(self, name: str) -> PeerInfo | None:
        """Who holds the name."""
        connection = self._names.get(name)
        return None if connection is None else self.peers[connection]

    def register(self, connection: int, word: Register, pid: int, now: float) -> list[Outgoing]:
        """A connection claims a name, for a process that the kernel vouches for."""
        held = self.holder(word.name)
        if held is not None:
            refusal = Answer(word.seq, f"taken: {word.name}", held.pid)
            return [Outgoing(connection, refusal)]
        if connection in self.peers:
            return [Outgoing(connection, Answer(word.seq, "this connection has a name already"))]
        ready = word.ready or word.kind != "service"
        peer = PeerInfo(word.name, pid, word.incarnation, word.kind, ready, now)
        self.peers[connection] = peer
        self._names[word.name] = connection
        joined = Joined(peer)
        told = self._tell(joined, besides=connection)
        return [Outgoing(connection, Answer(word.seq)), *told]

    def ready(self, connection: int, _word: Ready) -> list[Outgoing]:
        """A service's start callback has run."""
        peer = self.peers.get(connection)
        if peer is None or peer.ready:
            return []
        peer = self.peers[connection] = msgspec.structs.replace(peer, ready=True)
        return self._tell(Joined(peer), besides=connection)

    def want(self, connection: int, word: Want) -> None:
        """An observer says what services that come are to tell it."""
        peer = self.peers.get(connection)
        if peer is not None and peer.kind == "observer":
            self.peers[connection] = msgspec.structs.replace(peer, wants=word.wants)

    def pause(self, connection: int) -> list[Outgoing]:
        """A peer goes away for a while: its name stays its own, and it is not ready."""
        peer = self.peers[connection] = msgspec.structs.replace(self.peers[connection], ready=False)
        return self._tell(Joined(peer), besides=connection)

    def find(self, connection: int, word: Find) -> list[Outgoing]:
        """Looks a peer up; where it is there, the asker will be told of its end."""
        peer = self.holder(word.name)
        if peer is None:
            others = [p.name for p in self.peers.values() if p.kind != "observer"]
            return [Outgoing(connection, Found(word.seq, None, others))]
        self._watchers.setdefault(word.name, {})[connection] = None
        return [Outgoing(connection, Found(word.seq, peer))]

    def list_peers(self, connection: int, word: ListPeers | Subscribe) -> list[Outgoing]:
        """Names everybody; a subscriber is told of every change from here on."""
        if isinstance(word, Subscribe):
            self._subscribers[connection] = None
        return [Outgoing(connection, Listing(word.seq, list(self.peers.values())))]

    def leave(self, connection: int, word: Leave | None = None) -> list[Outgoing]:
        """The peer of a connection left, or died (no word)."""
        told: list[Outgoing] = []
        self._subscribers.pop(connection, None)
        for watchers in self._watchers.values():
            watchers.pop(connection, None)
        peer = self.peers.pop(connection, None)
        if peer is not None:
            del self._names[peer.name]
            told += self._tell(Left(peer.name, peer.incarnation), besides=connection)
            self._watchers.pop(peer.name, None)
        # Behind the others: when it goes on, they can know.
        return [*told, Outgoing(connection, Answer(word.seq))] if word else told

    def terminate(self) -> list[Outgoing]:
        """Every service is told to end."""
        return [
            Outgoing(connection, Terminate())
            for connection, peer in self.peers.items()
            if peer.kind == "service"
        ]

    def _tell(self, word: Joined | Left, besides: int) -> list[Outgoing]:
        name = word.peer.name if isinstance(word, Joined) else word.name
        told = {**self._subscribers, **self._watchers.get(name, {})}
        told.pop(besides, None)
        return [Outgoing(connection, word) for connection in told]
