"""Where the console gets everything from: the observer, the clock, the facts about the bus."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any, Protocol

from ipcm._core.observation import Event, Snapshot
from ipcm._core.registry import PeerInfo
from ipcm.message import Response

__all__ = ["BusFacts", "Clock", "Source"]


class Source(Protocol):
    """What the console needs of an observer; `ipcm.observe.observer.Observer` is one.

    Attributes:
        name: the observer's own peer name.
        presence, snapshots: by peer name.
        dropped: events that never came.
    """

    presence: dict[str, PeerInfo]
    snapshots: dict[str, Snapshot]
    dropped: int

    @property
    def name(self) -> str: ...
    @property
    def busy(self) -> Mapping[str, float]: ...
    def fileno(self) -> int: ...
    def poll(self, timeout: float | None = 0.0) -> list[Event]: ...
    def refresh(self) -> None: ...
    def describe(self, service: str, timeout: float = 1.0) -> Any: ...
    def send_request(self, peer: str, payload: Any, *, timeout: float | None = 30.0) -> int: ...
    def get_response(self, id: int) -> Response | None: ...
    def terminate(self, service: str) -> None: ...


@dataclasses.dataclass(frozen=True, slots=True)
class BusFacts:
    """What does not change about a bus.

    Attributes:
        started: seconds since the epoch. owner_pid: the process that spawned it.
    """

    name: str
    transport: str
    serializer: str
    started: float
    owner_pid: int


@dataclasses.dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks; tests put their own.

    Attributes:
        wall: seconds since the epoch. monotonic: for spans.
        zone: in which times of day are shown; None for the local one.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    zone: tzinfo | None = None
