"""A bus that the test plays by itself: an observer, a clock, pids, all under its control."""

from __future__ import annotations

import asyncio
import html
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from ipcm._core.observation import (
    Event,
    Latency,
    MessageEvent,
    PeerEvent,
    RequestCounts,
    SignalCount,
    Snapshot,
    WorkerInfo,
)
from ipcm._core.registry import PeerInfo
from ipcm.errors import BusGone, IPCMError, NoSuchPeer
from ipcm.message import Response
from ipcm_tui.app import ConsoleApp
from ipcm_tui.source import BusFacts, Clock

NOON = 1_700_000_000.0
"""A Tuesday evening: 2023-11-14 22:13:20 UTC."""


_CHARACTER = 12.2
"""Width of a character in exported pictures."""


class FakeObserver:
    """The API of an observer, without a bus.

    Attributes:
        requests: what was sent through it: id to (peer, payload).
        terminated: whom it was told to end.
        descriptions: what services say of themselves.
        failure: raised by the next call that would send something.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.name = "observer-1-abcd"
        self.presence: dict[str, PeerInfo] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.busy: dict[str, float] = {}
        self.dropped = 0
        self.refreshed = 0
        self.polled = 0
        self.requests: dict[int, tuple[str, Any]] = {}
        self.responses: dict[int, Response] = {}
        self.terminated: list[str] = []
        self.descriptions: dict[str, Any] = {}
        self.failure: IPCMError | None = None
        self.over: str | None = None
        self._clock = clock
        self._events: list[Event] = []
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)

    # The observer's side

    def fileno(self) -> int:
        return self._reading

    def poll(self, timeout: float | None = 0.0) -> list[Event]:
        del timeout
        self.polled += 1
        try:
            while os.read(self._reading, 4096):
                pass
        except BlockingIOError:
            pass
        events, self._events = self._events, []
        if not events and self.over is not None:
            raise BusGone(self.over)
        return events

    def refresh(self) -> None:
        self.refreshed += 1

    def describe(self, service: str, timeout: float = 1.0) -> Any:
        del timeout
        if service not in self.descriptions:
            raise NoSuchPeer(service, self.presence)
        return self.descriptions[service]

    def send_request(self, peer: str, payload: Any, *, timeout: float | None = 30.0) -> int:
        del timeout
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        id = 1000 + len(self.requests)
        self.requests[id] = (peer, payload)
        return id

    def get_response(self, id: int) -> Response | None:
        return self.responses.pop(id, None)

    def terminate(self, service: str) -> None:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self.terminated.append(service)

    def close(self) -> None:
        os.close(self._reading)
        os.close(self._writing)

    # The test's side

    def wake(self) -> None:
        """Makes the descriptor readable."""
        os.write(self._writing, b"!")

    def tell(self, *events: Event) -> None:
        """Events come in."""
        self._events += events
        self.wake()

    def join(
        self,
        name: str,
        pid: int,
        kind: Any = "service",
        *,
        since: float = 0.0,
        incarnation: str | None = None,
        ready: bool = True,
    ) -> PeerInfo:
        """A peer comes; `since` is relative to now."""
        incarnation = incarnation or f"{pid:032x}"
        info = PeerInfo(name, pid, incarnation, kind, ready, self._clock.now + since)
        self.presence[name] = info
        self.tell(PeerEvent("", info.since, name, 1))
        return info

    def leave(self, name: str) -> None:
        """A peer goes."""
        del self.presence[name]
        self.snapshots.pop(name, None)
        self.tell(PeerEvent("", self._clock.now, name, -1))

    def snap(self, name: str, **fields: Any) -> Snapshot:
        """A service answers with a snapshot."""
        info = self.presence[name]
        values: dict[str, Any] = {
            "name": name,
            "pid": info.pid,
            "incarnation": info.incarnation,
            "state": "running",
            "started": info.since,
            "uptime": self._clock.now - info.since,
            "cycle": 0.2,
            "interval": 0.2,
            **fields,
        }
        self.snapshots[name] = Snapshot(**values)
        self.wake()
        return self.snapshots[name]

    def exchange(
        self,
        asker: str,
        service: str,
        id: int,
        endpoint: str = "search",
        *,
        latency: float = 0.0014,
        error: str | None = None,
        when: float | None = None,
    ) -> list[MessageEvent]:
        """What a service tells of a request that it got and answered."""
        when = self._clock.now if when is None else when
        asked = f'{{"endpoint":"{endpoint}","args":{{}}}}'
        return [
            MessageEvent(service, when, "in", "request", asker, id, endpoint, 118, preview=asked),
            MessageEvent(
                service,
                when + latency,
                "out",
                "response",
                asker,
                id,
                endpoint,
                1240,
                latency,
                error,
                preview=None if error else '{"files":1204,"bytes":9210341}',
            ),
        ]


class FakeClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOON
        self.spans = 100.0

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.spans += seconds

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.spans, UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def observer(clock: FakeClock) -> Iterator[FakeObserver]:
    observer = FakeObserver(clock)
    yield observer
    observer.close()


@pytest.fixture
def demo_bus(observer: FakeObserver, clock: FakeClock) -> FakeObserver:
    """A bus as the demo makes it, a minute old."""
    observer.join("store", 4240, since=-76)
    observer.join("indexer", 4242, since=-75)
    observer.join("probe", 4244, since=-74)
    observer.join("notebook", 5120, "client", since=-12)
    peers = ["store", "probe", "indexer", "notebook"]
    observer.snap(
        "indexer",
        peers=[p for p in peers if p != "indexer"],
        workers=[WorkerInfo(4301, "hash-7", 0.4), WorkerInfo(4302, "hash-8", 0.2)],
        workers_started=9,
        requests=RequestCounts(0, 31, 0, 0),
        signals={"SIGHUP": SignalCount(1, 1)},
        loop_lag=0.0004,
    )
    observer.snap(
        "store",
        peers=[p for p in peers if p != "store"],
        requests=RequestCounts(412, 0, 1, 3),
        total=Latency(411, 3, 14.2, 0.00034, 0.0021, 0.0084),
        endpoints={
            "search": Latency(240, 3, 8.1, 0.0011, 0.0034, 0.0091),
            "stats": Latency(140, 0, 4.0, 0.00021, 0.0004, 0.0009),
            "duplicates": Latency(31, 0, 2.1, 0.0031, 0.0084, 0.0112),
        },
        clients={"probe": Latency(380, 3, 12.1, 0.0003, 0.002, 0.008)},
        signals={"SIGUSR1": SignalCount(2, 2), "SIGHUP": SignalCount(1, 1)},
        loop_lag=0.0011,
    )
    observer.snap(
        "probe",
        peers=[p for p in peers if p != "probe"],
        requests=RequestCounts(0, 381, 1, 0),
        loop_lag=0.0002,
    )
    for index in range(8):
        error = 'fts5: syntax error near "("' if index == 5 else None
        events = observer.exchange(
            "probe",
            "store",
            370 + index,
            ("search", "stats", "search", "duplicates")[index % 4],
            error=error,
            when=clock.now - 4 + index * 0.5,
            latency=(0.0011, 0.00021, 0.0034, 0.0084)[index % 4],
        )
        observer.tell(*events)
    return observer


@pytest.fixture
def facts() -> BusFacts:
    return BusFacts("demo", "unix", "msgpack", NOON - 77, 4200)


@pytest.fixture
def app(demo_bus: FakeObserver, facts: BusFacts, clock: FakeClock) -> ConsoleApp:
    return ConsoleApp(demo_bus, facts, clock=clock.clock())


@pytest.fixture
def make_app(
    demo_bus: FakeObserver, facts: BusFacts, clock: FakeClock
) -> Callable[..., ConsoleApp]:
    """Makes the app with other options."""

    def make(**options: Any) -> ConsoleApp:
        return ConsoleApp(demo_bus, facts, clock=clock.clock(), **options)

    return make


Script = Callable[[Pilot[int]], Awaitable[None]]


@pytest.fixture
def drive() -> Callable[..., None]:
    """Runs a script of keys and looks against an app, once it has drawn itself."""

    def run(
        app: ConsoleApp, script: Script, size: tuple[int, int] = (80, 24), settled: bool = True
    ) -> None:
        async def session() -> None:
            async with app.run_test(size=size, notifications=True) as pilot:
                if settled:
                    await settle_down(pilot)
                await script(pilot)

        asyncio.run(asyncio.wait_for(session(), 30))

    return run


async def settle_down(pilot: Pilot[int], mark: str = "ipcm", limit: float = 5.0) -> None:
    """Until two pictures, taken further apart than the app draws, are the same and show
    something."""
    before, deadline = "", time.monotonic() + limit
    while before != (now := shown(pilot.app)) or mark not in now:
        assert time.monotonic() < deadline, "it never stands still"
        before = now
        await pilot.pause(0.12)


@pytest.fixture
def settle() -> Callable[..., Awaitable[None]]:
    return settle_down


async def wait_until(
    pilot: Pilot[int], condition: Callable[[], object], limit: float = 5.0
) -> None:
    """Lets the app work until something holds, and fails where it does not in time."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit} s:\n{shown(pilot.app)}"
        await pilot.pause(0.01)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    return wait_until


def shown(app: App[Any]) -> str:
    """The text on the screen."""
    lines: dict[float, str] = {}
    pattern = re.compile(r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>')
    for x, y, text in pattern.findall(app.export_screenshot()):
        # Blanks without a background are left out of the picture; the place tells of them.
        column, line = round(float(x) / _CHARACTER), lines.get(float(y), "")
        lines[float(y)] = line.ljust(column) + html.unescape(text).replace("\xa0", " ")
    return "\n".join(line for _, line in sorted(lines.items()))


@pytest.fixture
def screen() -> Callable[[App[Any]], str]:
    return shown
