"""A bus that the test plays by itself: an observer, a clock, pids, all under its control."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC
from typing import Any

import pytest
from textual._context import active_app
from textual.app import App
from textual.css.stylesheet import Stylesheet
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
from ipcm._os.process import ProcessIdentity
from ipcm.console.usage import Usage
from ipcm.errors import BusGone, IPCMError, NoSuchBus, NoSuchPeer
from ipcm_tui.app import ConsoleApp
from ipcm_tui.models.buses import BusFacts, BusRow
from ipcm_tui.models.peers import Peer, PeerKey
from ipcm_tui.source import Clock
from ipcm_tui.typeahead import TypeAheadApp
from ipcm_tui.widgets.grid_view import GridView

NOON = 1_700_000_000.0
"""A Tuesday evening: 2023-11-14 22:13:20 UTC."""

UPDATE = 1 / 60
"""Seconds within which a screen lays out and draws what has become dirty."""


QUIET = 10.0
"""Seconds that it may take until there is nothing left to do; the machine may be a slow one."""


async def wait_for_quiet(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
    """Waits until every key has been handled and no task of the event loop has anything left to
    do but wait, and once more after a screen has seen to what that made dirty.

    After every key a pilot waits twice, until its process did next to nothing for a while. An app
    that draws as things come in is hardly ever that idle, so it mostly waited out its limit.
    """
    del min_sleep, max_sleep  # the pilot's limit is a second, for which a machine may stand still
    loop: Any = asyncio.get_running_loop()
    app = active_app.get(None)
    deadline = loop.time() + QUIET
    for pause in (0.0, UPDATE):
        await asyncio.sleep(pause)
        while (loop._ready or is_handling_keys(app)) and loop.time() < deadline:
            await asyncio.sleep(0 if loop._ready else 0.005)


def is_handling_keys(app: App[Any] | None) -> bool:
    """Whether a key is on its way, or waits for its turn; who leaves hands out no more."""
    return isinstance(app, TypeAheadApp) and app._under_way and app.is_running and not app._exit


@pytest.fixture(scope="session", autouse=True)
def quiet_pilots() -> Iterator[None]:
    """Pilots wait for what there is to do, not for a time."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("textual.app", "textual.pilot"):
            patch.setattr(f"{module}.wait_for_idle", wait_for_quiet)
        yield


@pytest.fixture(autouse=True)
def in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures have colours, whatever whoever runs the tests prefers."""
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """The style sheets, which are the same in every app of these tests, are parsed in the first."""
    parse: Callable[..., Any] = Stylesheet._parse_rules
    parsed: dict[object, Any] = {}

    def parse_rules(sheet: Stylesheet, css: str, *arguments: Any, **options: Any) -> Any:
        key = (css, arguments, *options.items(), *sheet._variables.items())
        if key not in parsed:
            parsed[key] = parse(sheet, css, *arguments, **options)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_rules)
        yield


class FakeObserver:
    """The API of an observer, without a bus.

    Attributes:
        requests: what was sent through it: (peer, payload).
        answers: what requests are answered with, in order: payloads, or errors to raise.
        acts: whom it was told to end or signal.
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
        self.closed = False
        self.requests: list[tuple[str, Any]] = []
        self.answers: list[Any] = []
        self.acts: list[tuple[str, str, int]] = []
        self.descriptions: dict[str, Any] = {}
        self.failure: IPCMError | None = None
        self.over: str | None = None
        self._clock = clock
        self._events: list[Event] = []

    # The observer's side

    async def poll(self, timeout: float | None = 0.0) -> list[Event]:
        while not self._events and self.over is None and timeout is None:
            await asyncio.sleep(0.02)
        self.polled += 1
        events, self._events = self._events, []
        if not events and self.over is not None:
            raise BusGone(self.over)
        return events

    async def refresh(self) -> None:
        self.refreshed += 1

    async def describe(self, service: str, timeout: float = 1.0) -> Any:
        del timeout
        if service not in self.descriptions:
            raise NoSuchPeer(service, self.presence)
        return self.descriptions[service]

    async def request(self, peer: str, payload: Any, timeout: float | None = 30.0) -> Any:
        del timeout
        self._fail()
        self.requests.append((peer, payload))
        while not self.answers:
            await asyncio.sleep(0.005)
        answer = self.answers.pop(0)
        if isinstance(answer, IPCMError):
            raise answer
        return answer

    async def terminate(self, service: str) -> None:
        self._fail()
        self.acts.append(("terminate", service, 0))

    async def signal(self, service: str, number: int) -> None:
        self._fail()
        self.acts.append(("signal", service, int(number)))

    async def close(self) -> None:
        self.closed = True

    def _fail(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    # The test's side

    def tell(self, *events: Event) -> None:
        """Events come in."""
        self._events += events

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
        return Clock(lambda: self.now, lambda: self.spans, lambda: 0.0, UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class FakeProcesses:
    """Processes that are not there.

    Attributes:
        exits: how they ended, by name. starts: their start times, by pid; 1 where not told.
        signals: what was sent: (pid, start, number). held: who is held on to.
    """

    def __init__(self) -> None:
        self.exits: dict[str, int] = {}
        self.starts: dict[int, int] = {}
        self.signals: list[tuple[int, int, int]] = []
        self.held: set[PeerKey] = set()
        self.closed = False
        self.failure: OSError | None = None

    def meet(self, peer: Peer) -> None:
        self.held.add(peer.key)

    def part(self, key: PeerKey) -> None:
        self.held.discard(key)

    def usage(self, pid: int, since: float) -> Usage:
        del since
        return Usage((pid % 7) * 1.3, 18_000_000 + pid * 1000)

    def exit(self, key: PeerKey) -> int | None:
        return self.exits.get(key.name)

    def identify(self, pid: int) -> ProcessIdentity:
        if self.starts.get(pid) == 0:
            raise ProcessLookupError
        return ProcessIdentity(pid, self.starts.get(pid, 1))

    def signal(self, who: ProcessIdentity, number: int) -> None:
        if self.failure is not None:
            raise self.failure
        self.signals.append((who.pid, who.start, int(number)))

    def close(self) -> None:
        self.closed = True


class FakeBuses:
    """Buses that are not there.

    Attributes:
        rows: what looking finds. sources: what opening gives, by name.
        opened: what was opened, and whether read-only.
    """

    def __init__(self) -> None:
        self.rows: list[BusRow] = []
        self.sources: dict[str, FakeObserver] = {}
        self.opened: list[tuple[str, bool]] = []

    async def look(self) -> list[BusRow]:
        return list(self.rows)

    async def open(self, bus: str, *, read_only: bool) -> tuple[FakeObserver, BusFacts]:
        self.opened.append((bus, read_only))
        facts = next(row.facts for row in self.rows if bus in (row.facts.name, row.facts.info))
        if facts.name not in self.sources:
            raise NoSuchBus(bus)
        return self.sources[facts.name], facts


@pytest.fixture
def observer(clock: FakeClock) -> FakeObserver:
    return FakeObserver(clock)


@pytest.fixture
def lonely(clock: FakeClock) -> FakeObserver:
    """On a bus without anybody."""
    return FakeObserver(clock)


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses()


@pytest.fixture
def buses() -> FakeBuses:
    return FakeBuses()


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
def make_app(
    demo_bus: FakeObserver,
    facts: BusFacts,
    clock: FakeClock,
    processes: FakeProcesses,
    buses: FakeBuses,
) -> Callable[..., ConsoleApp]:
    """Makes the app with other options."""

    def make(source: Any = demo_bus, facts: BusFacts | None = facts, **options: Any) -> ConsoleApp:
        given = {"clock": clock.clock(), "processes": processes, "buses": buses, **options}
        return ConsoleApp(source, facts, **given)

    return make


@pytest.fixture
def app(make_app: Callable[..., ConsoleApp]) -> ConsoleApp:
    return make_app()


def table(app: ConsoleApp) -> GridView[PeerKey]:
    """The table of the services."""
    return app.screen_stack[0].query_one("#peers", GridView)


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
                    await wait_until(pilot, lambda: app.drawn)
                    await pilot.pause()
                await script(pilot)

        asyncio.run(asyncio.wait_for(session(), 50))

    return run


async def settle_down(pilot: Pilot[int], mark: str = "ipcm", limit: float = 15.0) -> None:
    """Until two pictures are the same and show something, between which the app has drawn itself:
    a time between them may have passed without anybody doing anything."""
    app: Any = pilot.app
    before, deadline = "", time.monotonic() + limit
    while before != (now := shown(app)) or mark not in now:
        assert time.monotonic() < deadline, "it never stands still"
        before = now
        if app.session is not None:
            drawn = app.drawn
            app.touch()
            await wait_until(pilot, lambda drawn=drawn: app.drawn > drawn)
        await pilot.pause()


@pytest.fixture
def settle() -> Callable[..., Awaitable[None]]:
    return settle_down


async def wait_until(
    pilot: Pilot[int], condition: Callable[[], object], limit: float = 15.0
) -> None:
    """Lets the app work until something holds, and fails where it does not in time."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit} s:\n{shown(pilot.app)}"
        await asyncio.sleep(0.02)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    return wait_until


def shown(app: App[Any]) -> str:
    """The text on the screen."""
    update: Any = app.screen._compositor.render_update(
        full=True, screen_stack=app._background_screens
    )
    return "\n".join("".join(strip.text for strip in line) for line in update.strips)


@pytest.fixture
def screen() -> Callable[[App[Any]], str]:
    return shown
