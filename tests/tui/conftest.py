"""The console on a bus that the test plays by itself, and how it is driven and looked at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from textual._context import active_app
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from ipcm._core.observation import (
    Latency,
    RequestCounts,
    SignalCount,
    WorkerInfo,
)
from ipcm_tui.app import ConsoleApp
from ipcm_tui.models.buses import BusFacts
from ipcm_tui.models.peers import Peer, PeerKey, Peers
from ipcm_tui.screens.services import ServicesScreen
from ipcm_tui.typeahead import TypeAheadApp
from ipcm_tui.widgets.grid_view import GridView
from tests.tui.fakes import NOON, FakeBuses, FakeClock, FakeObserver, FakeProcesses

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
    """Pictures have colours, whatever whoever runs the tests prefers or has a terminal for."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLORTERM", "truecolor")


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


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


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


def main_screen(app: ConsoleApp) -> ServicesScreen:
    screen: Any = app.screen_stack[0]
    assert isinstance(screen, ServicesScreen)
    return screen


async def choose(pilot: Pilot[int], name: str) -> None:
    """Puts the cursor on a peer of the screen in front, once there is one of this name."""
    peers: GridView[PeerKey] = pilot.app.screen.query_one("#peers", GridView)
    await wait_until(pilot, lambda: name in [key.name for key in peers.keys])
    assert peers.choose(next(key for key in peers.keys if key.name == name))


@pytest.fixture
def peers(demo_bus: FakeObserver, clock: FakeClock) -> Peers:
    peers = Peers()
    peers.update(demo_bus.presence, demo_bus.snapshots, demo_bus.busy, clock.now)
    return peers


def live(peers: Peers, name: str) -> Peer:
    """The present life of a peer, which there has to be."""
    peer = peers.live(name)
    assert peer is not None
    return peer


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
