"""Every exception that ipcm raises on purpose: one tree, sorted by who is at fault.

    IPCMError
    ├── UsageError                the calling code asked for something that cannot be
    │   ├── WrongProcess            a client or handle used in a forked child
    │   ├── ConcurrentUse           a second thread used it while a call was under way
    │   ├── InvalidName             not usable as a peer or bus name
    │   ├── NoSuchSignal            not a signal that can be sent or caught (also a ValueError)
    │   ├── UnsupportedError        this transport or platform cannot do it
    │   ├── ExtraResponse           a request was answered a second time
    │   ├── ContentError            content that the serializer cannot carry
    │   └── MessageTooLarge         content over the frame cap
    ├── BusError                  the bus itself
    │   ├── BadBusInfo              not an info string, or it names nothing known
    │   ├── NoSuchBus               no live bus of that name, or none at all
    │   ├── ManyBuses               several live, and none was named
    │   ├── BusGone                 it was there and ended
    │   ├── NameTaken               a live peer or bus already has the name
    │   └── InsecureDirectory       the runtime directory is not private to this user
    ├── PeerError                 the other side
    │   ├── NoSuchPeer              nobody of that name on the bus
    │   ├── PeerGone                it left or died before it answered
    │   ├── RequestTimeout          no answer in time (also a TimeoutError)
    │   ├── RemoteError             it answered with an error
    │   └── ProtocolError           it sent what is not our protocol
    ├── ServiceError              the life of a service process
    │   ├── ServiceStartError       it did not become ready
    │   │   ├── ServiceNameTaken      because of its name (also a NameTaken)
    │   │   └── ServiceMisuse         its class or a parameter is wrong (also UsageError, TypeError)
    │   └── ServiceDied             it ended without an exit value
    └── Backpressure              an outbox is full: the receiver is too slow or stopped

Each carries, as attributes, what the text says: see the constructors.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "Backpressure",
    "BadBusInfo",
    "BusError",
    "BusGone",
    "ConcurrentUse",
    "ContentError",
    "ExtraResponse",
    "IPCMError",
    "InsecureDirectory",
    "InvalidName",
    "ManyBuses",
    "MessageTooLarge",
    "NameTaken",
    "NoSuchBus",
    "NoSuchPeer",
    "NoSuchSignal",
    "PeerError",
    "PeerGone",
    "ProtocolError",
    "RemoteError",
    "RequestTimeout",
    "ServiceDied",
    "ServiceError",
    "ServiceMisuse",
    "ServiceNameTaken",
    "ServiceStartError",
    "UnsupportedError",
    "UsageError",
    "WrongProcess",
]


class IPCMError(Exception):
    """The root of the tree; each can be copied and pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Not through __init__, which takes other things than the text that it makes of them.
        return _rebuild, (type(self), *self.args), self.__dict__


def _rebuild(kind: type[IPCMError], *args: Any) -> IPCMError:
    error = kind.__new__(kind)
    error.args = args
    return error


class UsageError(IPCMError):
    """The calling code asked for something that cannot be."""


class WrongProcess(UsageError):
    """A client, handle or service was used in another process than the one it belongs to."""

    def __init__(self, what: str, owner: int, current: int) -> None:
        super().__init__(
            f"{what} belongs to process {owner} and was used in process {current}: "
            "connect again after the fork"
        )
        self.owner = owner
        self.current = current


class ConcurrentUse(UsageError):
    """A second thread entered a client while a call of the first was under way."""


class InvalidName(UsageError):
    """Not usable as a name.

    Attributes: name: what was asked for.
    """

    def __init__(self, name: object, why: str) -> None:
        super().__init__(f"{_short(name)} is not a usable name: {why}")
        self.name = name


class NoSuchSignal(UsageError, ValueError):
    """No such signal, or one that cannot be caught."""


class UnsupportedError(UsageError):
    """This transport, platform or version cannot do what was asked."""


class ExtraResponse(UsageError):
    """A request was answered a second time, or was never open.

    Attributes: peer, id: the request that the answer was for.
    """

    def __init__(self, peer: str, id: int) -> None:
        super().__init__(
            f"request {id} of {peer!r} is not open: it was answered already, or never came"
        )
        self.peer = peer
        self.id = id


class ContentError(UsageError):
    """The serializer cannot carry this content."""


class MessageTooLarge(UsageError):
    """A message over the frame cap.

    Attributes: size, limit: bytes.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the message takes {size:,} bytes and the limit is {limit:,}")
        self.size = size
        self.limit = limit


class BusError(IPCMError):
    """Something about the bus itself."""


class BadBusInfo(BusError):
    """Not a bus info string, or one that names an unknown transport or serializer."""


class NoSuchBus(BusError):
    """No live bus was found under that name, or none at all.

    Attributes: wanted: the name asked for, or None. found: the names that are live.
    """

    def __init__(self, wanted: str | None, found: Iterable[str] = ()) -> None:
        self.wanted = wanted
        self.found = sorted(found)
        if wanted is None:
            text = "no bus is running: start one with ipcm.spawn(), `ipcm demo` or `ipcm run`"
        elif self.found:
            text = f"no bus named {_short(wanted)}; running: {', '.join(self.found)}"
        else:
            text = f"no bus named {_short(wanted)}, and no other is running"
        super().__init__(text)


class ManyBuses(BusError):
    """Several buses are live and none was named.

    Attributes: found: their names.
    """

    def __init__(self, found: Iterable[str]) -> None:
        self.found = sorted(found)
        super().__init__(
            f"several buses are running: {', '.join(self.found)}; "
            "name one (bus=..., -b NAME, or IPCM_BUS)"
        )


class BusGone(BusError):
    """The bus ended, or its registrar cannot be reached."""


class NameTaken(BusError):
    """A live peer or bus already has the name.

    Attributes: name; pid: the process that holds it, or None.
    """

    def __init__(self, name: str, pid: int | None = None, what: str = "peer") -> None:
        held = f" (process {pid})" if pid else ""
        super().__init__(f"a live {what}{held} already has the name {_short(name)}")
        self.name = name
        self.pid = pid


class InsecureDirectory(BusError):
    """The directory of a bus is not private to this user.

    Attributes: path: the directory.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"refusing to use {path}: {why}")
        self.path = path


class PeerError(IPCMError):
    """Something about the other side.

    Attributes: peer: its name.
    """

    peer: str = ""


class NoSuchPeer(PeerError, LookupError):
    """Nobody of that name is on the bus.

    Attributes: peer: the name. found: who is there.
    """

    def __init__(self, peer: str, found: Iterable[str] = ()) -> None:
        self.peer = peer
        self.found = sorted(found)
        there = f"; here are: {_listing(self.found)}" if self.found else "; the bus is empty"
        super().__init__(f"no peer named {_short(peer)}{there}")


class PeerGone(PeerError):
    """The peer left or died before it answered."""

    def __init__(self, peer: str) -> None:
        super().__init__(f"{_short(peer)} left the bus or died before it answered")
        self.peer = peer


class RequestTimeout(PeerError, TimeoutError):
    """No answer came in time, or no end of what was waited for; `what` says which.

    Attributes: peer; timeout: seconds waited.
    """

    def __init__(self, peer: str, timeout: float, what: str | None = None) -> None:
        super().__init__(f"{what or f'no answer from {_short(peer)}'} within {timeout:g} s")
        self.peer = peer
        self.timeout = timeout


class RemoteError(PeerError):
    """The peer answered with an error.

    Attributes: peer; error: the text it sent.
    """

    def __init__(self, peer: str, error: str) -> None:
        super().__init__(f"{peer}: {error}")
        self.peer = peer
        self.error = error


class ProtocolError(PeerError):
    """Bytes that are not our protocol; the connection they came on is closed."""


class ServiceError(IPCMError):
    """Something about the life of a service process.

    Attributes: name: the service. traceback: the text from its process, or "".
    """

    def __init__(self, name: str, text: str, traceback: str = "") -> None:
        super().__init__(f"{text}\n\n{traceback.rstrip()}" if traceback else text)
        self.name = name
        self.traceback = traceback


class ServiceStartError(ServiceError):
    """The service did not become ready."""


class ServiceNameTaken(ServiceStartError, NameTaken):
    """A service did not become ready because a live peer has its name.

    Attributes: pid: the process that holds it, or None.
    """

    def __init__(self, name: str, text: str, traceback: str, pid: int | None) -> None:
        IPCMError.__init__(self, f"{text}\n\n{traceback.rstrip()}")
        self.name = name
        self.traceback = traceback
        self.pid = pid


class ServiceMisuse(ServiceStartError, UsageError, TypeError):
    """A service could not be made: its maker makes no service, or does not take the parameters.

    Where a service is forked, its maker is called in the starter's process, and raises a UsageError
    or a TypeError of its own. One that is raised in a launched process arrives as this, which is
    both.
    """


class ServiceDied(ServiceError):
    """The service ended without an exit value: an exception, a signal, os._exit.

    Attributes: exit: as subprocess gives it (code, or -signal), or None where unknown.
    """

    def __init__(self, name: str, text: str, traceback: str = "", exit: int | None = None) -> None:
        super().__init__(name, text, traceback)
        self.exit = exit


class Backpressure(IPCMError):
    """A peer does not read, and there is no room left for what is to be sent; it was not queued.

    Attributes: peer; queued, limit: bytes; both 0 where the peer could not even be dialled, since
    it accepts no connections and too many wait for that already.
    """

    def __init__(self, peer: str, queued: int, limit: int) -> None:
        text = (
            f"{queued:,} bytes wait for {_short(peer)}, which does not read them "
            f"(limit {limit:,}): slow down, or flush() first"
        )
        if not limit:
            text = f"{_short(peer)} accepts no connections, and many wait: is it stuck?"
        super().__init__(text)
        self.peer = peer
        self.queued = queued
        self.limit = limit


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _listing(names: list[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
