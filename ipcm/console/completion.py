"""Values that a surface can offer while one types."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from signal import Signals
from typing import Any

from ipcm.bus import buses
from ipcm.console.verb import Context
from ipcm.errors import IPCMError

__all__ = [
    "complete_bus",
    "complete_endpoint",
    "complete_peer",
    "complete_service",
    "complete_signal",
]

_PATIENCE = 0.5


def complete_bus(context: Context, args: Mapping[str, Any], begin: str) -> Iterable[str]:
    """Names of live buses."""
    with contextlib.suppress(IPCMError, OSError):
        return [bus.name for bus in buses() if bus.name.startswith(begin)]
    return []


def complete_peer(context: Context, args: Mapping[str, Any], begin: str) -> Iterable[str]:
    """Names of peers, observers left out."""
    with contextlib.suppress(IPCMError, OSError):
        return [name for name in context.find_bus().peers() if name.startswith(begin)]
    return []


def complete_service(context: Context, args: Mapping[str, Any], begin: str) -> Iterable[str]:
    """Names of services, those left out that are there already."""
    already = args.get("services") or ()
    with contextlib.suppress(IPCMError, OSError):
        names = context.find_bus().services()
        return [name for name in names if name.startswith(begin) and name not in already]
    return []


def complete_endpoint(context: Context, args: Mapping[str, Any], begin: str) -> Iterable[str]:
    """Endpoints of the service that was named."""
    service = args.get("peer") or args.get("service")
    if not service:
        return []
    with contextlib.suppress(IPCMError, OSError):
        with context.find_bus().observe(messages=False) as observer:
            endpoints = observer.describe(service, _PATIENCE)["endpoints"]
        return [each["name"] for each in endpoints if each["name"].startswith(begin)]
    return []


def complete_signal(context: Context, args: Mapping[str, Any], begin: str) -> Iterable[str]:
    """Names of signals, without SIG."""
    upper = begin.upper().removeprefix("SIG")
    names = (each.name.removeprefix("SIG") for each in Signals)
    return [name for name in names if name.startswith(upper)]
