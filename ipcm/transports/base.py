"""What a transport has to offer, so that everything above it works on any of them."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from ipcm._core.businfo import BusInfo
from ipcm._core.clock import Clock
from ipcm._core.envelope import Envelope
from ipcm._core.presence import PeerInfo, PeerKind
from ipcm._core.subscription import ObserveOptions
from ipcm._os.clock import SYSTEM_CLOCK
from ipcm._os.process import ProcessIdentity
from ipcm.errors import UnsupportedError
from ipcm.message import Message

__all__ = [
    "Arrival",
    "BusRecord",
    "Capabilities",
    "Change",
    "Destination",
    "Limits",
    "Origin",
    "PeerInfo",
    "PeerKind",
    "Port",
    "Transport",
]


class Capabilities(msgspec.Struct, frozen=True):
    """What a transport can do beyond sending.

    Attributes:
        processes: peers may live in different processes.
        discovery: its buses can be found without their info string.
        suspend: a peer may go away and come back to its mail.
    """

    processes: bool
    discovery: bool
    suspend: bool


class Limits(msgspec.Struct, frozen=True):
    """Bounds on memory and patience.

    Attributes:
        frame: bytes of one message. peer, process: bytes waiting for one peer, for all.
        hello: seconds that a new connection has to say who it is.
        strangers: connections that have not said it yet.
    """

    frame: int = 16 << 20
    peer: int = 64 << 20
    process: int = 256 << 20
    hello: float = 5.0
    strangers: int = 64


class BusRecord(msgspec.Struct, frozen=True):
    """One bus, as it stands in its own record.

    Attributes:
        owner_pid: the process that spawned it. started: seconds since the epoch.
        guard: it ends with its owner.
        keeper_pid: the process that keeps its presence, or None. keeper_start: when that started,
            as in `ProcessIdentity`, or 0.
    """

    name: str
    info: BusInfo
    owner_pid: int
    started: float
    guard: bool
    keeper_pid: int | None = None
    keeper_start: int = 0


class Origin(Protocol):
    """Where a message came from: one life of a peer, over one connection."""

    name: str
    incarnation: str
    read_only: bool


class Destination(Protocol):
    """Where messages go: one life of a peer."""

    @property
    def incarnation(self) -> str: ...


Arrival: TypeAlias = tuple[Origin, Envelope, int]
"""A message that came in: from whom, what, and its size in bytes."""


class Change(NamedTuple):
    """Something that happened to the presence of a peer.

    Attributes:
        what: "joined", "ready", "left"; or of the bus itself "terminate" (this peer is asked
            to end), "ended" (it is over) or "lost" (its registrar died); then `peer` is None.
    """

    what: str
    peer: PeerInfo | None = None


class Port(abc.ABC):
    """One peer's place on a bus: where it sends, receives, and learns who is there.

    Belongs to one thread at a time. Nothing here waits unless it has a time-out parameter.

    Attributes:
        changes: what happened to presence, in order; whoever reads them clears the list.
        outgoing: by name of the peer, where the last message to it went, if that is there still.
        clock: what time-outs are measured with, of those who use this port too.
        unread: of a peer that was away, what it had taken in and not read.
        spin: seconds to look again and again before sleeping, where that pays; 0 turns it off,
            and a transport that never does it has 0.
    """

    name: str
    incarnation: str
    changes: list[Change]
    outgoing: Mapping[str, Destination]
    clock: Clock = SYSTEM_CLOCK
    unread: Sequence[Message] = ()
    spin: float = 0.0

    @property
    def first_id(self) -> int:
        """Where the numbers of this port's messages begin.

        Every life of a name counts from elsewhere, so that an answer to a request of the life
        before is not taken for one to this one's.
        """
        return int(self.incarnation[:8], 16) << 16 | 1

    @abc.abstractmethod
    def fileno(self) -> int:
        """A descriptor that is readable whenever `receive` has something to do."""

    @abc.abstractmethod
    def receive(self, timeout: float | None = 0.0, spin: bool = False) -> list[Arrival]:
        """Takes what came in, in order per sender; [] when the time-out (seconds) is over.

        It may return early and empty, with `changes`, or because the kernel has taken some of
        what waited for it. With `spin` it waits a few microseconds where that lately paid off,
        also where the time-out is 0.
        """

    @property
    @abc.abstractmethod
    def deadline(self) -> float:
        """Monotonic seconds at which `receive` has to be called even if nothing came."""

    @abc.abstractmethod
    def slept(self, seconds: float) -> None:
        """Told by whoever slept on `fileno` for how long: short sleeps make spinning pay."""

    @abc.abstractmethod
    def send(self, to: str, envelope: Envelope) -> int:
        """Queues a message, and hands the kernel what it takes at once.

        Returns:
            Its size in bytes.

        Raises:
            NoSuchPeer, Backpressure, MessageTooLarge, ContentError, BusGone: nothing was queued.
        """

    @abc.abstractmethod
    def cork(self) -> None:
        """Holds back what is sent from now on; nested calls count."""

    @abc.abstractmethod
    def uncork(self) -> None:
        """Writes what was held back."""

    @abc.abstractmethod
    def push(self) -> None:
        """Writes what is held back now: somebody waits for what may come of it.

        `receive` does so too, so that who asks inside of a cork is answered.
        """

    @abc.abstractmethod
    def flush(self) -> bool:
        """Hands the kernel what it takes of all that waits, corked or not.

        Returns:
            Whether it has everything now. Else `receive` returns when it takes more: who waits
            for that reads meanwhile, or two that wait for each other do so for ever.
        """

    @abc.abstractmethod
    def backlog(self) -> dict[str, int]:
        """Messages per peer that the kernel has not taken yet."""

    def widen(self, name: str) -> None:
        """Has the kernel take more for a peer than before, where it can: for last words."""
        del name

    @abc.abstractmethod
    def cut(self, name: str) -> None:
        """Drops the connections to a peer that does not read, and what waits for it."""

    @abc.abstractmethod
    def find(self, name: str) -> tuple[PeerInfo | None, list[str]]:
        """Looks a peer up; where there is none, also the names of those who are there."""

    @abc.abstractmethod
    def peers(self) -> list[PeerInfo]:
        """Everybody on the bus, this peer and observers included."""

    @abc.abstractmethod
    def subscribe(self) -> list[PeerInfo]:
        """Everybody on the bus; from now on `changes` tells of each one that comes or goes.

        Subscribed already: everybody whose coming has been told, and whose going has not.
        """

    @abc.abstractmethod
    def ready(self) -> None:
        """Tells the bus that this service is ready."""

    def want(self, wants: ObserveOptions) -> None:
        """Tells the bus what services that join from now on are to tell this observer.

        Where nobody keeps that, they tell it what they are asked for, once it asks.
        """
        del wants

    def end_with(self, process: ProcessIdentity | None) -> None:
        """Tells the bus whose end is this service's, too, None for nobody's.

        Where it does not end then, because it hangs, whoever guards the bus kills it. A bus
        without a guard is told in vain.
        """
        del process

    def suspend(self, expires_in: float | None, unread: Sequence[Message]) -> None:
        """Goes away for a while; the name stays, mail is kept for `Transport.resume`.

        Args:
            expires_in: seconds after which the peer has left for good; None for never.
            unread: what was received and not read yet.

        Raises:
            UnsupportedError: the transport keeps no mail.
        """
        raise UnsupportedError(f"{self.name!r} cannot suspend: this transport keeps no mail")

    @abc.abstractmethod
    def close(self) -> None:
        """Leaves the bus. What the kernel has not taken is lost; `flush` first."""

    @abc.abstractmethod
    def forget_after_fork(self) -> None:
        """Closes the descriptors in a forked child, and touches nothing else."""


class Transport(abc.ABC):
    """A kind of bus.

    Attributes:
        name: as it stands in the info string.
    """

    name: str
    capabilities: Capabilities

    @abc.abstractmethod
    def create(self, name: str, serializer: str, guard: bool) -> BusRecord:
        """Makes a bus, owned by this process.

        Raises:
            NameTaken, InsecureDirectory, BusError.
        """

    @abc.abstractmethod
    def look(self, info: BusInfo) -> BusRecord:
        """Reads the record of a bus.

        Raises:
            BusGone: it is not there, or nobody keeps it any more. BadBusInfo.
        """

    @abc.abstractmethod
    def discover(self) -> list[BusRecord]:
        """The live buses of this user, oldest first; leftovers of dead ones are removed."""

    @abc.abstractmethod
    def join(self, info: BusInfo, name: str, kind: PeerKind, *, read_only: bool = False) -> Port:
        """Connects under a name.

        Raises:
            NameTaken, BusGone.
        """

    def resume(self, info: BusInfo, name: str) -> Port:
        """Takes up a peer that was suspended.

        Raises:
            UnsupportedError: the transport keeps no mail. NoSuchPeer: nobody of that name is
                away. NameTaken: it has come back. BusGone.
        """
        raise UnsupportedError(
            f"the {self.name!r} transport keeps no mail for a peer that is away: connect({name!r})"
        )

    def output_path(self, info: BusInfo, name: str) -> str | None:
        """The file on the bus for the output of a service; None where a bus has no place for it."""
        del info, name
        return None

    def output_names(self, info: BusInfo) -> list[str]:
        """Services whose output is there, as far as the names can be told from the files."""
        del info
        return []

    @abc.abstractmethod
    def presence(self, info: BusInfo) -> list[PeerInfo]:
        """Everybody on the bus, without joining it; raises BusGone."""

    @abc.abstractmethod
    def terminate(self, info: BusInfo) -> None:
        """Asks every service on the bus to end; raises BusGone."""

    @abc.abstractmethod
    def end(self, record: BusRecord, grace: float) -> None:
        """Ends the bus: services are asked, after `grace` seconds killed, and all is removed.

        Returns when that is done. Fine on a bus that is gone.
        """

    @abc.abstractmethod
    def detach(self, info: BusInfo, *, lingers: bool = False) -> None:
        """Lets the bus outlive its owner.

        Args:
            lingers: only as long as it has services.

        Raises:
            BusGone.
        """
