"""Where the console gets everything from: the observer, the clock, the buses and their facts."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Protocol

from ipcm._core.observation import Event, Snapshot
from ipcm._core.presence import PeerInfo
from ipcm_tui.models.buses import BusFacts, BusRow

__all__ = ["Buses", "Clock", "Source"]


class Source(Protocol):
    """What the console needs of an observer; `ipcm.aio.AsyncObserver` is one."""

    @property
    def name(self) -> str:
        """The observer's own peer name."""

    @property
    def presence(self) -> Mapping[str, PeerInfo]:
        """Who is there, by name."""

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """The last of each service, by name."""

    @property
    def busy(self) -> Mapping[str, float]:
        """Services that do not answer, and for how many seconds."""

    @property
    def dropped(self) -> int:
        """Events that never came."""

    async def poll(self, timeout: float | None = 0.0) -> list[Event]:
        """Waits for events; raises BusGone once all have been told."""

    async def refresh(self) -> None:
        """Asks for fresh snapshots."""

    async def describe(self, service: str, timeout: float = 1.0) -> Any:
        """What a service offers."""

    async def request(self, peer: str, payload: Any, timeout: float | None = 30.0) -> Any:
        """The answer to a request."""

    async def terminate(self, service: str) -> None:
        """Asks a service to end."""

    async def signal(self, service: str, number: int) -> None:
        """Has a service signal itself."""

    async def close(self) -> None:
        """Leaves."""


class Buses(Protocol):
    """The buses that one may look at; tests put their own."""

    async def look(self) -> Sequence[BusRow]:
        """Those that live, and what was left of those that have died, which looking removes."""

    async def open(self, bus: str, *, read_only: bool) -> tuple[Source, BusFacts]:
        """Begins to watch one, by its info string or name; raises IPCMError."""


@dataclasses.dataclass(frozen=True, slots=True)
class Clock:
    """The clocks; tests put their own.

    Attributes:
        wall: seconds since the epoch. monotonic: for spans.
        spent: CPU time of this process.
        zone: in which times of day are shown; None for the local one.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    spent: Callable[[], float] = time.process_time
    zone: tzinfo | None = None
