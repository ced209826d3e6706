"""Transports by name; nothing is imported before it is used."""

from __future__ import annotations

import difflib
import importlib
from typing import Final

from ipcm.errors import BadBusInfo
from ipcm.transports.base import Transport

__all__ = ["DEFAULT", "NAMES", "get_transport"]

DEFAULT: Final = "unix"
_CLASSES: Final = {"unix": "ipcm.transports.unix.transport:UnixTransport"}
NAMES: Final = tuple(_CLASSES)

_made: dict[str, Transport] = {}


def get_transport(name: str) -> Transport:
    """Finds a transport by its name.

    Raises:
        BadBusInfo: there is none of that name; the error proposes one.
    """
    if name not in _made:
        if name not in _CLASSES:
            near = difflib.get_close_matches(name, NAMES, 1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise BadBusInfo(f"unknown transport {name!r}{hint} (known: {', '.join(NAMES)})")
        module, _, attribute = _CLASSES[name].partition(":")
        made: Transport = getattr(importlib.import_module(module), attribute)()
        _made[name] = made
    return _made[name]
