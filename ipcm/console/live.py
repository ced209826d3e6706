"""What lives right now, for whoever completes or checks what is typed: asked for a lot, and
answered without delay.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from ipcm._core.presence import PeerKind
from ipcm.bus import AnyBus, buses, find_bus
from ipcm.errors import IPCMError

__all__ = ["Description", "EndpointDescription", "Live", "OneLook", "read_description"]

T = TypeVar("T")

_PATIENCE: Final = 0.5
_KEPT: Final = 2.0


class EndpointDescription(msgspec.Struct, frozen=True):
    """An endpoint.

    Attributes:
        signature: as one would write it. parameters: their JSON schema.
    """

    name: str
    signature: str = ""
    doc: str = ""
    parameters: dict[str, Any] = {}


class Description(msgspec.Struct, frozen=True, rename={"cls": "class"}):
    """A service: its class, docstring and endpoints."""

    name: str
    cls: str = ""
    doc: str = ""
    endpoints: list[EndpointDescription] = []

    def endpoint(self, name: str) -> EndpointDescription | None:
        """The endpoint of this name."""
        return next((each for each in self.endpoints if each.name == name), None)


def read_description(raw: Any) -> Description | None:
    """What a service says of itself; None where it is nothing that can be read."""
    try:
        return msgspec.convert(raw, Description)
    except msgspec.ValidationError:
        return None


class Live(Protocol):
    """Buses, and the peers of one of them. Never raises, and never waits long."""

    def buses(self) -> Sequence[str]:
        """Names of the live buses."""

    def peers(self) -> Mapping[str, PeerKind]:
        """Who is on the bus, observers left out: service or client, by name."""

    def description(self, service: str) -> Description | None:
        """What a service offers; None where that is not known (yet)."""

    def on(self, bus: str) -> Live:
        """A view of another bus, by its name or info string."""


class OneLook:
    """Looks once, and remembers it for two seconds; see `Live`.

    Args:
        bus: None for the one that `find_bus` finds.
        patience: seconds that a service has to describe itself.
    """

    def __init__(self, bus: AnyBus | None = None, patience: float = _PATIENCE) -> None:
        self._bus = bus
        self._patience = patience
        self._known: dict[str, tuple[float, Any]] = {}

    def buses(self) -> Sequence[str]:
        """See `Live`."""
        return self._kept("buses", lambda: [bus.name for bus in buses()], [])

    def peers(self) -> Mapping[str, PeerKind]:
        """See `Live`."""

        def look() -> dict[str, PeerKind]:
            present = find_bus(self._bus).presence()
            return {peer.name: peer.kind for peer in present if peer.kind != "observer"}

        return self._kept("peers", look, {})

    def description(self, service: str) -> Description | None:
        """See `Live`."""

        def ask() -> Description | None:
            with find_bus(self._bus).observe(messages=False) as observer:
                return read_description(observer.describe(service, self._patience))

        return self._kept(f"description of {service}", ask, None)

    def on(self, bus: str) -> Live:
        """See `Live`."""
        return self._kept(f"bus {bus}", lambda: OneLook(bus, self._patience), self)

    def _kept(self, what: str, look: Callable[[], T], otherwise: T) -> T:
        now = time.monotonic()
        until, value = self._known.get(what, (-1.0, otherwise))
        if now >= until:
            value = otherwise
            with contextlib.suppress(IPCMError, OSError):
                value = look()
            # Failures too: a service that is busy is not waited for at every key.
            self._known[what] = (time.monotonic() + _KEPT, value)
        kept: T = value
        return kept
