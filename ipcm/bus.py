"""Buses: making, finding, watching and ending them."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal as signals
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from ipcm._core.businfo import BusInfo
from ipcm._core.filters import EventFilter, Wanted
from ipcm._core.names import check_bus_name, check_name
from ipcm._core.patience import check_seconds, check_timeout
from ipcm._core.presence import PeerInfo, PeerKind
from ipcm._core.subscription import ObserveOptions
from ipcm._os.process import identify, send_signal
from ipcm._os.signal_names import parse_signal
from ipcm.client import Client
from ipcm.errors import (
    BadBusInfo,
    BusGone,
    ManyBuses,
    NameTaken,
    NoSuchBus,
    RequestTimeout,
    UnsupportedError,
)
from ipcm.observe.output import Output
from ipcm.serializers import DEFAULT as DEFAULT_SERIALIZER
from ipcm.serializers import get_serializer
from ipcm.shown import Shown
from ipcm.transports.base import BusRecord, Transport
from ipcm.transports.registry import DEFAULT as DEFAULT_TRANSPORT
from ipcm.transports.registry import get_transport, transport_names
from ipcm.transports.runtime import check_home

if TYPE_CHECKING:
    from ipcm.observe.observer import Observer

__all__ = [
    "AnyBus",
    "Bus",
    "buses",
    "check_processes",
    "connect",
    "find_bus",
    "open_client",
    "output_path",
    "reconnect",
    "spawn",
]

AnyBus: TypeAlias = "Bus | str"
"""A Bus, an info string, or the name of a live bus."""


class Bus(Shown):
    """A bus, seen from a process that spawned or found it. `str(bus)` is its info string.

    Args:
        record: what the transport knows of it.
        owned: whether `shutdown` and the end of a `with` block end it.
        signal: sent to every service before it is terminated; None for none.
    """

    def __init__(self, record: BusRecord, *, owned: bool = False, signal: Any = None) -> None:
        self._record = record
        self._transport: Transport = get_transport(record.info.transport)
        self._pid = os.getpid()
        self._signal = None if signal is None else parse_signal(signal)
        self._ended = False
        self.owned = owned

    def __str__(self) -> str:
        return self.info

    def __repr__(self) -> str:
        return f"<Bus {self.name!r} {self.transport} {self.route}>"

    @property
    def name(self) -> str:
        """Its name, by which `connect`, `attach` and the command line find it."""
        return self._record.name

    @property
    def info(self) -> str:
        """Its info string: a JSON triple of transport, serializer and route."""
        return str(self._record.info)

    @property
    def transport(self) -> str:
        """Name of its transport."""
        return self._record.info.transport

    @property
    def serializer(self) -> str:
        """Name of its serializer."""
        return self._record.info.serializer

    @property
    def route(self) -> str:
        """Where it is: for `unix`, its directory."""
        return self._record.info.route

    @property
    def owner_pid(self) -> int:
        """The process that spawned it."""
        return self._record.owner_pid

    @property
    def started(self) -> float:
        """When it was spawned, in seconds since the epoch."""
        return self._record.started

    @property
    def guarded(self) -> bool:
        """Whether it ends with its owner."""
        return self._record.guard

    def presence(self) -> list[PeerInfo]:
        """Everybody on the bus, in the order they came; raises BusGone."""
        return self._transport.presence(self._record.info)

    def peers(self) -> list[str]:
        """Names of the peers, services included, observers left out."""
        return [peer.name for peer in self.presence() if peer.kind != "observer"]

    def services(self) -> list[str]:
        """Names of the services."""
        return [peer.name for peer in self.presence() if peer.kind == "service"]

    def connect(self, name: str) -> Client:
        """Connects under a name; see `ipcm.connect`."""
        return connect(name, self)

    def observe(
        self,
        filter: Wanted = None,
        *,
        events: str | Iterable[str] | None = None,
        read_only: bool = True,
        messages: bool = True,
        previews: bool = True,
        rate: float = 2000.0,
    ) -> Observer:
        """Watches the services of the bus, as they come and go.

        Args:
            filter: which services: names or patterns (`*`, `?`, `[abc]`), one or several; or a
                function that is called with each event and says whether it is wanted.
            events: which kinds: turn, message, peer, worker, signal, error, terminated; one or
                several, all where it is None. Services do not even make the others.
            read_only: the connection may look and nothing else.
            messages, previews: whether message events come, and with the content's beginning.
            rate: message events per second and service at the most.

        Raises:
            UsageError: there is no such kind of event, or it is no rate. BusGone.
        """
        from ipcm.observe.observer import Observer, check_rate

        rate = check_rate(rate)
        wanted = EventFilter(filter, events)
        options = ObserveOptions(
            bool(messages), bool(previews), rate, wanted.kinds, wanted.patterns
        )
        client = open_client(
            f"observer-{os.getpid()}-{secrets.token_hex(4)}",
            self.info,
            kind="observer",
            read_only=read_only,
        )
        return Observer(client, wanted, options, read_only=read_only)

    def output(self, service: str) -> Output:
        """What a service writes to its file on the bus, now or while it lived.

        A service does so that was started with `output="bus"`, or from a process with threads.

        Raises:
            UnsupportedError: the transport has no place for it.
        """
        path = output_path(self.info, service)
        if path is None:
            raise UnsupportedError(f"the {self.transport!r} transport keeps no output of services")
        return Output(path)

    def outputs(self) -> list[str]:
        """Services whose output is kept, dead ones too, but for very long or strange names."""
        return self._transport.output_names(self._record.info)

    def terminate(self) -> None:
        """Asks every service to end, after the bus's signal where it has one; raises BusGone."""
        if self._signal is not None:
            self._signal_services(self._signal)
        self._transport.terminate(self._record.info)

    def wait(self, timeout: float | None = None) -> None:
        """Waits until no service is left.

        Raises:
            RequestTimeout: there still is one after `timeout` seconds.
        """
        timeout = check_timeout(timeout)
        try:
            with self.observe(messages=False) as watcher:
                now = watcher.clock.monotonic
                deadline = None if timeout is None else now() + timeout
                while any(peer.kind == "service" for peer in watcher.presence.values()):
                    left = None if deadline is None else deadline - now()
                    if left is not None and left <= 0:
                        what = f"not all services of the bus {self.name!r} have ended"
                        raise RequestTimeout(self.name, timeout or 0.0, what)
                    watcher.poll(left)
        except BusGone:
            return

    def sanity_delta(self, *clients: Client) -> dict[str, int]:
        """Compares what was sent with what was read, among the services and these clients.

        Words of the control plane do not count. A bus that is not quiet has messages on the way.

        Returns:
            "sender -> receiver" to the messages that were sent and not read (negative: read and
            never sent); empty where all have arrived.

        Raises:
            RequestTimeout: a service is busy. BusGone.
        """
        sent = {client.name: dict(client.stats.sent) for client in clients}
        read = {client.name: dict(client.stats.read) for client in clients}
        with self.observe(messages=False) as watcher:
            for peer in [peer for peer in watcher.presence.values() if peer.kind == "service"]:
                snapshot = watcher.snapshot(peer.name)
                sent[peer.name], read[peer.name] = snapshot.sent, snapshot.read
        pairs = {(a, b) for a, to in sent.items() for b in to if b in read}
        pairs |= {(a, b) for b, by in read.items() for a in by if a in sent}
        counts = {(a, b): sent[a].get(b, 0) - read[b].get(a, 0) for a, b in sorted(pairs)}
        return {f"{a} -> {b}": count for (a, b), count in counts.items() if count}

    def shutdown(self, grace: float = 5.0) -> None:
        """Ends the bus: services are asked, killed after `grace` seconds, and all is removed.

        Repeatable, also after an interrupt of its wait, and fine on a bus that is gone. A service
        may end its own bus: it is not waited for, and ends when this has returned.
        """
        grace = check_seconds(grace, "grace")
        if not self._may_end():
            return
        if self._signal is not None:
            with contextlib.suppress(BusGone):  # that is what is wanted
                self._signal_services(self._signal)
        self._transport.end(self._record, grace)
        self._ended = True

    def unguard(self, *, lingers: bool = False) -> None:
        """Lets the bus outlive its owner; `shutdown` and a `with` block still end it.

        Args:
            lingers: only as long as it has services: shortly after the last one it ends.

        Raises:
            BusGone.
        """
        self._transport.detach(self._record.info, lingers=lingers)

    def detach(self) -> None:
        """Lets the bus live on when this process ends or closes it; raises BusGone."""
        self.unguard()
        self.owned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.owned:
            self.shutdown()

    def _may_end(self) -> bool:
        """Whether `shutdown` has something to do: not a second time, nor in a forked child."""
        return not self._ended and self._pid == os.getpid()

    def _signal_services(self, signal: signals.Signals) -> None:
        for peer in self.presence():
            if peer.kind == "service" and peer.pid != os.getpid():
                try:
                    send_signal(identify(peer.pid), signal)
                except ProcessLookupError:
                    continue  # it has ended already


def spawn(
    name: str | None = None,
    transport: str | None = None,
    serializer: str | None = None,
    guard: bool = True,
    signal: Any = None,
) -> Bus:
    """Makes a bus.

    Args:
        name: letters, digits, '.', '-', '_'; one is made up where it is None.
        transport: `unix` where it is None; `memory` for threads of this process. serializer:
            `msgpack` where it is None.
        guard: the bus ends with this process, however that ends.
        signal: name, number or member, sent to every service before it is terminated.

    Returns:
        The bus, owned: a `with` block ends it.

    Raises:
        NameTaken, InvalidName, BadBusInfo, InsecureDirectory, BusError.
        UnsupportedError: a signal, where services are no processes of their own.
    """
    chosen = get_transport(transport or DEFAULT_TRANSPORT)
    if signal is not None and not chosen.capabilities.processes:
        raise UnsupportedError(
            f"services on a {chosen.name!r} bus are threads of one process: no signal ends one"
        )
    serializer = get_serializer(serializer or DEFAULT_SERIALIZER).name
    if signal is not None:
        parse_signal(signal)
    if name is not None:
        record = chosen.create(check_bus_name(name), serializer, guard)
    else:
        record = _create_unnamed(chosen, serializer, guard)
    return Bus(record, owned=True, signal=signal)


def _create_unnamed(transport: Transport, serializer: str, guard: bool) -> BusRecord:
    while True:
        try:
            return transport.create(f"bus-{secrets.token_hex(4)}", serializer, guard)
        except NameTaken:
            continue


def buses() -> list[Bus]:
    """The live buses of this user, oldest first; what dead ones have left is removed."""
    found: list[Bus] = []
    for name in transport_names():
        try:
            transport = get_transport(name)
        except BadBusInfo as error:  # a package that is broken hides nobody else's buses
            warnings.warn(str(error), RuntimeWarning, stacklevel=2)
            continue
        if transport.capabilities.discovery:
            found += [Bus(record) for record in transport.discover()]
    return sorted(found, key=lambda bus: bus.started)


def find_bus(bus: AnyBus | None = None) -> Bus:
    """Finds one bus.

    Args:
        bus: its name, its info string, or itself; None for `IPCM_BUS`, else the only live one.

    Raises:
        NoSuchBus, ManyBuses: with the names of those that were found.
        InsecureDirectory: none was, and where they would be it is not safe to look.
        BadBusInfo, BusGone: the info string is wrong, or its bus is over.
    """
    if isinstance(bus, Bus):
        return bus
    wanted = bus if bus is not None else os.environ.get("IPCM_BUS") or None
    if not isinstance(wanted, str | None):
        raise BadBusInfo(f"a bus is named by a str or a Bus, not by {wanted!r:.100}")
    if wanted is not None and wanted.lstrip().startswith("["):
        info = BusInfo.parse(wanted)
        get_serializer(info.serializer)
        return Bus(get_transport(info.transport).look(info))
    found = buses()
    if wanted is None:
        if len(found) > 1:
            raise ManyBuses(each.name for each in found)
        if not found:
            check_home()
            raise NoSuchBus(None)
        return found[0]
    for each in found:
        if each.name == wanted:
            return each
    check_home()
    raise NoSuchBus(wanted, (each.name for each in found))


def open_client(
    name: str,
    bus: AnyBus | None,
    *,
    kind: PeerKind = "client",
    read_only: bool = False,
    settle: bool = True,
) -> Client:
    """Connects as a peer of some kind; the public way is `connect`."""
    check_name(name)
    if isinstance(bus, str) and bus.lstrip().startswith("["):
        info = BusInfo.parse(bus)
    else:
        info = BusInfo.parse(find_bus(bus).info)
    port = get_transport(info.transport).join(info, name, kind, read_only=bool(read_only))
    return Client(port, info, settle=settle)


def check_processes(info: str) -> None:
    """Raises UnsupportedError where a service cannot join from a process of its own."""
    transport = get_transport(BusInfo.parse(info).transport)
    if not transport.capabilities.processes:
        raise UnsupportedError(
            f"a service has a process of its own, and the peers of a {transport.name!r} bus are "
            "threads of one: run() it in one of them, or use another transport"
        )


def connect(name: str, bus: AnyBus | None = None) -> Client:
    """Connects to a bus under a peer name.

    Args:
        bus: a Bus, an info string, a name; None for `IPCM_BUS`, else the only live bus.

    Raises:
        NameTaken: a live peer has the name. InvalidName. NoSuchBus, ManyBuses, BusGone.
    """
    return open_client(name, bus)


def reconnect(name: str, bus: AnyBus | None = None) -> Client:
    """Takes up a suspended peer again, with its mail, where the transport can.

    Raises:
        UnsupportedError: the transport keeps no mail. NoSuchPeer: nobody of that name is away.
        NameTaken: it is back already. NoSuchBus, ManyBuses, BusGone.
    """
    check_name(name)
    info = BusInfo.parse(find_bus(bus).info)
    return Client(get_transport(info.transport).resume(info, name), info)


def output_path(info: str, service: str) -> str | None:
    """The file on a bus for the output of a service; None where there is no place for it."""
    parsed = BusInfo.parse(info)
    return get_transport(parsed.transport).output_path(parsed, check_name(service))
