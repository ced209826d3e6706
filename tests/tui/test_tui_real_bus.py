"""The console on a real bus with real services."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

import ipcm
from ipcm.bus import Bus
from ipcm_tui.app import ConsoleApp
from ipcm_tui.buses import HostBuses
from ipcm_tui.models.peers import Peer, PeerKey
from ipcm_tui.models.traffic import Row, TrafficLog
from ipcm_tui.screens.composer import ComposerScreen
from ipcm_tui.screens.gone import GoneScreen
from ipcm_tui.widgets.grid_view import GridView
from ipcm_tui.widgets.parameter_form import ParameterForm
from tests.terminals import start_on_terminal
from tests.tui.conftest import choose


class Adder(ipcm.Service):
    """Adds."""

    @ipcm.endpoint
    def add(self, a: int, b: int = 0) -> int:
        """The sum."""
        return a + b


class Asker(ipcm.Service):
    """Asks the adder five times a second."""

    interval = 0.2
    asked = 0

    def run_on_interval(self) -> None:
        self.asked += 1
        payload = {"endpoint": "add", "args": {"a": self.asked, "b": 1}}
        with contextlib.suppress(ipcm.IPCMError):  # the adder may be gone
            self.peer("adder").send_request(payload, lambda response, message: None)

    def handle_request(self, request: Any, message: Any) -> str:
        return "I only ask"


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: Any) -> Iterator[Bus]:
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir(mode=0o700)
    with (
        ipcm.spawn("real") as bus,
        ipcm.service("adder", Adder, bus=bus, start="fork"),
        ipcm.service("asker", Asker, bus=bus, start="fork"),
    ):
        yield bus


@pytest.fixture
def live(bus: Bus) -> ConsoleApp:
    """Lists the only bus, and opens it where a script begins."""
    return ConsoleApp(buses=HostBuses())


def rows(app: ConsoleApp) -> GridView[PeerKey]:
    return app.screen_stack[-1].query_one("#peers", GridView)


async def started(pilot: Pilot[int], until: Any, screen: Any) -> None:
    await until(pilot, lambda: "● live" in screen(pilot.app))
    await pilot.press("enter")
    await until(pilot, lambda: "asker → adder" in screen(pilot.app))


def traffic_of(app: ConsoleApp) -> TrafficLog:
    assert app.session is not None
    return app.session.traffic


def told_by_both(app: ConsoleApp) -> list[Row]:
    """Requests of which both sides have told how they ended."""
    return [
        row
        for row in traffic_of(app).rows
        if row.is_request and row.latency is not None and row.round_trip is not None
    ]


def own_rows(app: ConsoleApp) -> list[Row]:
    """What the console itself has asked."""
    assert app.session is not None
    me = app.session.source.name
    return [row for row in traffic_of(app).rows if row.is_request and row.source == me]


def peer_of(app: ConsoleApp, name: str) -> Peer | None:
    assert app.session is not None
    return app.session.peers.live(name)


def run(drive: Any, app: ConsoleApp, script: Any) -> None:
    drive(app, script, (120, 40), settled=False)


def test_watches_services_and_their_traffic(
    live: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await started(pilot, until, screen)
        # Of those that were under way when it began to look, it may have heard one side only.
        await until(pilot, lambda: len(told_by_both(live)) >= 3)
        row = told_by_both(live)[0]
        assert (row.source, row.target, row.what) == ("asker", "adder", "add")
        assert row.latency is not None and 0 < row.latency < 10, "seconds"
        await until(pilot, lambda: all(
            r.round_trip is not None for r in list(traffic_of(live).rows)[-6:-3] if r.is_request
        ))  # fmt: skip
        adder = peer_of(live, "adder")
        assert adder is not None
        await until(pilot, lambda: adder.state == "up")
        await until(pilot, lambda: adder.snapshot is not None and adder.snapshot.total.count >= 3)
        await until(pilot, lambda: str(adder.pid) in screen(live))

    run(drive, live, script)


def test_asks_a_real_service(live: ConsoleApp, drive: Any, until: Any, screen: Any) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await started(pilot, until, screen)
        await choose(pilot, "adder")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(live.screen, ComposerScreen))
        await pilot.press(*"add")
        await until(pilot, lambda: "add(a: int, b: int = 0) -> int" in screen(live))
        assert live.screen.query_one("#endpoint", Input).value == "add"
        form = live.screen.query_one(ParameterForm)
        await until(pilot, lambda: len(form.query(Input)) == 2)
        form.focus_first()
        await pilot.press(*"41", "ctrl+j")
        await until(pilot, lambda: "✓ answered in" in screen(live))
        await until(pilot, lambda: "│ 41 " in screen(live))
        await pilot.press("escape")
        # A row of others comes five times a second: it may have left the screen again.
        await until(pilot, lambda: [row.state for row in own_rows(live)] == ["ok"])

    run(drive, live, script)


def test_an_error_of_a_real_service(live: ConsoleApp, drive: Any, until: Any, screen: Any) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await started(pilot, until, screen)
        await choose(pilot, "adder")
        await pilot.press("s", *"subtract", "enter")
        await until(pilot, lambda: "✗ failed after" in screen(live))
        assert "no endpoint 'subtract'; endpoints: add" in screen(live)
        await pilot.press("escape")
        await until(pilot, lambda: [row.state for row in own_rows(live)] == ["error"])

    run(drive, live, script)


def test_ends_a_real_service_and_shows_how_it_ended(
    live: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await started(pilot, until, screen)
        await choose(pilot, "asker")
        await pilot.press("ctrl+d")
        await until(pilot, lambda: "Terminate asker?" in screen(live))
        await pilot.press("right", "enter")
        await until(pilot, lambda: "✕ ended" in screen(live))
        assert "1 service " in screen(live)

    run(drive, live, script)


def test_a_service_that_is_killed_and_one_that_hangs(
    live: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await started(pilot, until, screen)
        asker, adder = peer_of(live, "asker"), peer_of(live, "adder")
        assert asker is not None and adder is not None
        os.kill(adder.pid, signal.SIGSTOP)
        try:
            await until(pilot, lambda: "◐ busy" in screen(live))
            os.kill(asker.pid, signal.SIGKILL)
            await until(pilot, lambda: "KILL" in screen(live))
            await until(pilot, lambda: any(r.state == "lost" for r in traffic_of(live).rows))
        finally:
            os.kill(adder.pid, signal.SIGCONT)
        await until(pilot, lambda: "◐ busy" not in screen(live))
        assert live.session is not None
        gone = [peer for peer in live.session.peers.in_order() if peer.is_gone]
        assert [peer.how for peer in gone] == ["killed by SIGKILL"]

    run(drive, live, script)


def test_the_bus_ends_under_it(
    live: ConsoleApp, bus: Bus, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await started(pilot, until, screen)
        bus.shutdown()
        await until(pilot, lambda: isinstance(live.screen, GoneScreen))
        await pilot.press("b")
        await until(pilot, lambda: "No bus is running." in screen(live))
        await pilot.press("q")
        await until(pilot, lambda: not live.is_running)

    run(drive, live, script)


@pytest.mark.parametrize(("key", "demo"), [(b"q", False), (b"\x03", True), (b"\x11", False)])
def test_on_a_terminal(bus: Bus, tmp_path: Path, key: bytes, demo: bool) -> None:
    """It draws itself, leaves at the key, puts the terminal back, and stops nothing."""
    code = f"import sys; from ipcm_tui.app import main; sys.exit(main('real', demo={demo}))"
    size = {"COLUMNS": "100", "LINES": "30", "TERM": "xterm-256color"}
    # Not the keys and the theme of whoever runs the tests.
    own = {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    environment = {**os.environ, **size, **own, "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", code]
    console, ours = start_on_terminal(command, environment)
    with console:
        try:
            read_until(ours, b"adder", 30)
            os.write(ours, key)
            # Within a second, on a machine that does nothing else.
            said = read_until(ours, b"\x1b[?1049l", 10)
            assert console.wait(10) == 0
            assert b"Traceback" not in said
        finally:
            console.kill()
            os.close(ours)
    assert sorted(bus.services()) == ["adder", "asker"]


def read_until(fd: int, wanted: bytes, limit: float) -> bytes:
    """What a terminal shows, up to some bytes."""
    said, deadline = b"", time.monotonic() + limit
    while wanted not in said:
        left = deadline - time.monotonic()
        assert left > 0 and select.select([fd], [], [], left)[0], said[-2000:]
        said += os.read(fd, 65536)
    return said
