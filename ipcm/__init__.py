"""Services in forked children, on a private message bus that people can walk up to.

    >>> import ipcm
    >>> class Adder(ipcm.Service):
    ...     @ipcm.endpoint
    ...     def add(self, a: int, b: int = 0) -> int:
    ...         return a + b
    >>> with ipcm.service("adder", Adder) as handle:
    ...     handle.call("add", a=1, b=2)
    3

The names below are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from ipcm import aio as aio
    from ipcm._core.activity import Activity
    from ipcm._core.observation import (
        Call,
        CallbackError,
        EndedWorker,
        ErrorEvent,
        Event,
        Latency,
        MessageEvent,
        PeerChange,
        PeerEvent,
        ReapedChild,
        RequestCounts,
        SignalCount,
        SignalEvent,
        Snapshot,
        TerminatedEvent,
        TurnEvent,
        WorkerEvent,
        WorkerInfo,
    )
    from ipcm._core.outcome import Outcome
    from ipcm._core.presence import PeerInfo
    from ipcm.bus import Bus, buses, connect, find_bus, reconnect, spawn
    from ipcm.client import Client
    from ipcm.errors import (
        Backpressure,
        BadBusInfo,
        BusError,
        BusGone,
        ConcurrentUse,
        ContentError,
        ExtraResponse,
        InsecureDirectory,
        InvalidName,
        IPCMError,
        ManyBuses,
        MessageTooLarge,
        NameTaken,
        NoSuchBus,
        NoSuchPeer,
        NoSuchSignal,
        PeerError,
        PeerGone,
        ProtocolError,
        RemoteError,
        RequestTimeout,
        ServiceDied,
        ServiceError,
        ServiceMisuse,
        ServiceNameTaken,
        ServiceStartError,
        UnsupportedError,
        UsageError,
        WrongProcess,
    )
    from ipcm.message import DEFERRED, Kind, Message, Request, Response
    from ipcm.observe.observer import Observer
    from ipcm.role.callbacks import Service
    from ipcm.role.echo import EchoService
    from ipcm.role.endpoints import endpoint
    from ipcm.role.handle import Handle, attach
    from ipcm.role.launch import service, worker
    from ipcm.role.peer import Peer
    from ipcm.role.requests import RequestsRole
    from ipcm.role.role import ServiceRole
    from ipcm.role.select import SelectRole
    from ipcm.transports.base import Capabilities

_HOMES = {
    "ipcm._core.activity": ("Activity",),
    "ipcm._core.observation": (
        "Call",
        "CallbackError",
        "EndedWorker",
        "ErrorEvent",
        "Event",
        "Latency",
        "MessageEvent",
        "PeerChange",
        "PeerEvent",
        "ReapedChild",
        "RequestCounts",
        "SignalCount",
        "SignalEvent",
        "Snapshot",
        "TerminatedEvent",
        "TurnEvent",
        "WorkerEvent",
        "WorkerInfo",
    ),
    "ipcm._core.outcome": ("Outcome",),
    "ipcm._core.presence": ("PeerInfo",),
    "ipcm.bus": ("Bus", "buses", "connect", "find_bus", "reconnect", "spawn"),
    "ipcm.client": ("Client",),
    "ipcm.errors": (
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
    ),
    "ipcm.magics": ("load_ipython_extension", "unload_ipython_extension"),
    "ipcm.message": ("DEFERRED", "Kind", "Message", "Request", "Response"),
    "ipcm.observe.observer": ("Observer",),
    "ipcm.role.callbacks": ("Service",),
    "ipcm.role.echo": ("EchoService",),
    "ipcm.role.endpoints": ("endpoint",),
    "ipcm.role.handle": ("Handle", "attach"),
    "ipcm.role.launch": ("service", "worker"),
    "ipcm.role.peer": ("Peer",),
    "ipcm.role.requests": ("RequestsRole",),
    "ipcm.role.role": ("ServiceRole",),
    "ipcm.role.select": ("SelectRole",),
    "ipcm.transports.base": ("Capabilities",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "DEFERRED",
    "Activity",
    "Backpressure",
    "BadBusInfo",
    "Bus",
    "BusError",
    "BusGone",
    "Call",
    "CallbackError",
    "Capabilities",
    "Client",
    "ConcurrentUse",
    "ContentError",
    "EchoService",
    "EndedWorker",
    "ErrorEvent",
    "Event",
    "ExtraResponse",
    "Handle",
    "IPCMError",
    "InsecureDirectory",
    "InvalidName",
    "Kind",
    "Latency",
    "ManyBuses",
    "Message",
    "MessageEvent",
    "MessageTooLarge",
    "NameTaken",
    "NoSuchBus",
    "NoSuchPeer",
    "NoSuchSignal",
    "Observer",
    "Outcome",
    "Peer",
    "PeerChange",
    "PeerError",
    "PeerEvent",
    "PeerGone",
    "PeerInfo",
    "ProtocolError",
    "ReapedChild",
    "RemoteError",
    "Request",
    "RequestCounts",
    "RequestTimeout",
    "RequestsRole",
    "Response",
    "SelectRole",
    "Service",
    "ServiceDied",
    "ServiceError",
    "ServiceMisuse",
    "ServiceNameTaken",
    "ServiceRole",
    "ServiceStartError",
    "SignalCount",
    "SignalEvent",
    "Snapshot",
    "TerminatedEvent",
    "TurnEvent",
    "UnsupportedError",
    "UsageError",
    "WorkerEvent",
    "WorkerInfo",
    "WrongProcess",
    "attach",
    "buses",
    "connect",
    "endpoint",
    "find_bus",
    "reconnect",
    "service",
    "spawn",
    "worker",
]


def __getattr__(name: str) -> Any:
    if name == "aio":
        return importlib.import_module("ipcm.aio")  # with asyncio, for those who use it
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'ipcm' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__", "aio"]
