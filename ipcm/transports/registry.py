"""Transports by name; nothing is imported before it is used."""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from typing import TYPE_CHECKING, Final

from ipcm.errors import BadBusInfo
from ipcm.transports.base import Transport

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["DEFAULT", "GROUP", "get_transport", "transport_names"]

DEFAULT: Final = "unix"
GROUP: Final = "ipcm.transports"
"""Entry points of this group bring transports: a name, and a subclass of `Transport`."""

_OURS: Final = {
    "unix": "ipcm.transports.unix.transport:UnixTransport",
    "memory": "ipcm.transports.memory.transport:MemoryTransport",
}

_made: dict[str, Transport] = {}


def transport_names() -> list[str]:
    """Ours, and those that other packages bring."""
    return [*_OURS, *(name for name in _others() if name not in _OURS)]


@cache
def _others() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # 30 ms, for those who look for all buses

    # Kept: looking through all that is installed takes some 10 ms, every time.
    return {each.name: each for each in entry_points(group=GROUP)}


def get_transport(name: str) -> Transport:
    """Finds a transport by its name.

    Raises:
        BadBusInfo: there is none of that name (the error proposes one), or it is another
            package's and cannot be loaded.
    """
    if not isinstance(name, str):
        raise BadBusInfo(f"a transport is named by a str, not by {name!r:.100}")
    if name not in _made:
        _made[name] = _load(name)()
    return _made[name]


def _load(name: str) -> type[Transport]:
    if name in _OURS:
        module, _, attribute = _OURS[name].partition(":")
        ours: type[Transport] = getattr(importlib.import_module(module), attribute)
        return ours
    point = _others().get(name)
    if point is not None:
        try:
            theirs = point.load()
        except (ImportError, AttributeError) as error:
            raise BadBusInfo(
                f"the transport {name!r} cannot be loaded from {point.value}: {error}"
            ) from error
        if not (isinstance(theirs, type) and issubclass(theirs, Transport)):
            raise BadBusInfo(f"{point.value} is no Transport, but the entry point {name!r} says so")
        return theirs
    known = transport_names()
    near = difflib.get_close_matches(name, known, 1)
    hint = f", did you mean {near[0]!r}?" if near else ""
    raise BadBusInfo(f"unknown transport {name!r}{hint} (known: {', '.join(known)})")
