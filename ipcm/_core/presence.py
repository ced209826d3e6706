"""Presence: what is known of a peer, and the words that it and the registrar of its bus exchange.

Plain structs, so that presence can be served by a process of ours or by something else.
A request carries `seq`, and its answer the same; what carries none is pushed.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

import msgspec

from ipcm._core.subscription import ObserveOptions
from ipcm.shown import Shown

__all__ = [
    "Answer",
    "Detach",
    "End",
    "EndWith",
    "Ended",
    "Find",
    "Found",
    "FromPeer",
    "FromRegistrar",
    "Hello",
    "Joined",
    "Leave",
    "Left",
    "ListPeers",
    "Listing",
    "PeerInfo",
    "PeerKind",
    "Ready",
    "Register",
    "Subscribe",
    "Terminate",
    "Want",
    "make_token",
]

PeerKind: TypeAlias = Literal["service", "client", "observer"]


class PeerInfo(Shown, msgspec.Struct, frozen=True):
    """One peer, as the registrar knows it.

    Attributes:
        incarnation: 32 hex digits, drawn anew for each life of the name.
        ready: of a service, whether its start callback has run; of others, True.
        since: seconds since the epoch at which it joined.
        wants: of an observer, what services that join after it are to tell it from the first.
    """

    name: str
    pid: int
    incarnation: str
    kind: PeerKind
    ready: bool
    since: float
    wants: ObserveOptions | None = None


class _Word(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


class Register(_Word, frozen=True):
    """Claims a name; answered by Answer. `ready` is true when a service registers anew.

    `thread` is the one of its process that does so, see `End`.
    """

    seq: int
    name: str
    incarnation: str
    kind: PeerKind
    ready: bool
    thread: int = 0


class Want(_Word, frozen=True):
    """What services that join from now on are to tell this observer from the first."""

    wants: ObserveOptions


class Ready(_Word, frozen=True):
    """The service's start callback has run."""


class EndWith(_Word, frozen=True):
    """The peer is to end with a process (pid and start time), at the latest a moment later.

    In place of what it said before; None takes it back.
    """

    process: tuple[int, int] | None


class Find(_Word, frozen=True):
    """Asks for one peer, and to be told when it leaves; answered by Found."""

    seq: int
    name: str


class ListPeers(_Word, frozen=True):
    """Asks for everybody; answered by Listing."""

    seq: int


class Subscribe(_Word, frozen=True):
    """Asks for everybody and for every change from then on; answered by Listing."""

    seq: int


class Leave(_Word, frozen=True):
    """Gives the name back; answered by Answer."""

    seq: int


class End(_Word, frozen=True):
    """Ends the bus: services are told, waited for `grace` seconds, then killed.

    Answered by Answer at once; the connection closes when it is done. A service that has
    registered from the `thread` that waits for this is not waited for.
    """

    seq: int
    grace: float
    thread: int = 0


class Terminate(_Word, frozen=True):
    """To the registrar: tell every service to end. To a service: end."""


class Detach(_Word, frozen=True):
    """The bus shall outlive its owner; answered by Answer.

    Attributes:
        lingers: only as long as it has services.
    """

    seq: int
    lingers: bool = False


class Answer(_Word, frozen=True):
    """Done, or why not. `pid` is the holder of a name that was refused."""

    seq: int
    error: str | None = None
    pid: int | None = None


class Found(_Word, frozen=True):
    """The peer, or None and the names of those who are there."""

    seq: int
    peer: PeerInfo | None
    others: list[str] = []


class Listing(_Word, frozen=True):
    """Everybody on the bus, in the order they came."""

    seq: int
    peers: list[PeerInfo]


class Joined(_Word, frozen=True):
    """A peer came, or a service became ready."""

    peer: PeerInfo


class Left(_Word, frozen=True):
    """A peer left or died."""

    name: str
    incarnation: str


class Ended(_Word, frozen=True):
    """The bus ended; nothing follows."""


FromPeer: TypeAlias = (
    Register
    | Want
    | Ready
    | EndWith
    | Find
    | ListPeers
    | Subscribe
    | Leave
    | End
    | Terminate
    | Detach
)
FromRegistrar: TypeAlias = Answer | Found | Listing | Joined | Left | Terminate | Ended


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """The first frame from a peer that dials another.

    Attributes:
        token: `make_token` of the rest, which only somebody on the bus can compute.
        read_only: this connection may look, and nothing else, for ever.
    """

    version: int
    name: str
    incarnation: str
    token: bytes
    read_only: bool


def make_token(key: bytes, name: str, incarnation: str, pid: int) -> bytes:
    """Binds a name and an incarnation to a process.

    The one who accepts a connection compares it, with the pid that the kernel vouches for.
    It keeps honest programs from using a wrong name; a hostile process of the same user can
    read the key, as it can read our memory.
    """
    text = f"{name}\0{incarnation}\0{pid}".encode()
    return hashlib.blake2b(text, key=key, digest_size=16).digest()
