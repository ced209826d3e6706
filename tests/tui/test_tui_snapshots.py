"""Pictures of the main screens, with a clock that stands still and pids that never change.

After a change that is meant: `pytest tests/tui/test_tui_snapshots.py --snapshot-update`, and
look at what changed before committing it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from ipcm._core.observation import ErrorEvent, MessageEvent, SignalEvent, TerminatedEvent
from ipcm._core.observation import WorkerEvent as Worker
from ipcm_tui.app import ConsoleApp
from ipcm_tui.models.buses import BusFacts, BusRow

RATES = (3, 5, 4, 9, 12, 14, 11, 15, 22, 18, 14, 9, 4, 2, 6, 12, 19, 25, 21, 14)


@pytest.fixture
def busy_app(app: ConsoleApp, demo_bus: Any, clock: Any) -> ConsoleApp:
    """One in which some things have gone wrong."""
    session = app.begin()
    assert session is not None
    peers = session.peers
    for rate in RATES:
        clock.advance(1)
        for name, snapshot in demo_bus.snapshots.items():
            total = snapshot.total
            count = total.count + (rate if name == "store" else 0)
            demo_bus.snapshots[name] = msgspec.structs.replace(
                snapshot,
                uptime=snapshot.uptime + 1,
                total=msgspec.structs.replace(total, count=count),
            )
        peers.update(demo_bus.presence, demo_bus.snapshots, {}, clock.now)
    now = clock.now
    demo_bus.busy["probe"] = 3.2
    peers.note(TerminatedEvent("indexer", now, 0))
    asked = MessageEvent("store", now, "in", "request", "probe", 500, "search", 120, preview="{}")
    note = MessageEvent("probe", now, "out", "general", "store", 99, size=44, preview='{"a":1}')
    demo_bus.tell(
        Worker("indexer", now - 2, 4303, "hash-9", 1),
        Worker("indexer", now - 1, 4303, "hash-9", -1, 0),
        Worker("indexer", now - 1, 4304, "hash-10", 1),
        Worker("indexer", now, 4304, "hash-10", -1, -9),
        TerminatedEvent("indexer", now, 0),
    )
    demo_bus.leave("indexer")
    demo_bus.tell(
        SignalEvent("probe", now, "SIGUSR1", 3),
        ErrorEvent("store", now, "run_on_interval", "OperationalError: database is locked"),
        note,
        *demo_bus.exchange(demo_bus.name, "store", 1, "stats"),
        asked,
    )
    return app


Script = Callable[[Pilot[int]], Awaitable[None]]
Press = Callable[..., Script]


@pytest.fixture
def press(until: Any, settle: Any, screen: Any) -> Press:
    """Makes a script: wait for a text, press keys, wait until nothing moves.

    Among the keys, `see:TEXT` waits until that can be read.
    """

    def make(wanted: str, *keys: str) -> Script:
        async def script(pilot: Pilot[int]) -> None:
            app: Any = pilot.app
            await until(pilot, lambda: wanted in screen(app))
            for key in keys:
                if key.startswith("see:"):
                    await until(pilot, lambda text=key[4:]: text in screen(app))
                else:
                    await pilot.press(key)
            for field in app.screen.query("Input, TextArea"):
                field.cursor_blink = False
            await settle(pilot, "─")

        return script

    return make


# That they draw themselves at any size is tested elsewhere; pictures of the others take long.
SIZES = pytest.mark.parametrize(
    "size",
    [
        (80, 24),
        pytest.param((120, 40), marks=pytest.mark.slow),
        pytest.param((240, 70), marks=pytest.mark.slow),
    ],
)


@SIZES
def test_services(busy_app: Any, snap_compare: Any, press: Press, size: tuple[int, int]) -> None:
    script = press("◌ open", "2", "up", "up", "p", "1", "G", "k", "space", "R")
    assert snap_compare(busy_app, terminal_size=size, run_before=script)


@SIZES
def test_held_traffic(
    busy_app: Any, snap_compare: Any, press: Press, size: tuple[int, int]
) -> None:
    script = press("◌ open", "l", "up", "up", "slash", *"store", "enter")
    assert snap_compare(busy_app, terminal_size=size, run_before=script)


@SIZES
def test_service(busy_app: Any, snap_compare: Any, press: Press, size: tuple[int, int]) -> None:
    script = press("◌ open", "R", "see:open▼", "g", "enter")
    assert snap_compare(busy_app, terminal_size=size, run_before=script)


@SIZES
def test_composer(
    app: Any, demo_bus: Any, snap_compare: Any, press: Press, size: tuple[int, int]
) -> None:
    parameters = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "limit": {"type": "integer", "default": 10, "minimum": 1},
        },
        "required": ["text"],
    }
    doc = "Full-text search.\n\nArgs:\n    text: words to look for.\n    limit: hits at the most."
    search = {
        "name": "search",
        "signature": "search(text: str, limit: int = 10) -> list[str]",
        "doc": doc,
        "parameters": parameters,
    }
    demo_bus.descriptions["store"] = {"name": "store", "endpoints": [search, {"name": "stats"}]}
    keys = ("down", "down", "s", "see:Send a request", *"sea", "tab", "tab", *"fork", "tab", "0")
    assert snap_compare(app, terminal_size=size, run_before=press("340µs", *keys))


def test_pair(busy_app: Any, snap_compare: Any, press: Press) -> None:
    script = press("◌ open", "2", *["up"] * 14, "enter")
    assert snap_compare(busy_app, terminal_size=(120, 40), run_before=script)


def test_picker(make_app: Any, buses: Any, clock: Any, snap_compare: Any, press: Press) -> None:
    buses.rows = [
        BusRow(BusFacts("demo", "unix", "msgpack", clock.now - 77, 4200), 4),
        BusRow(BusFacts("build", "unix", "json", clock.now - 7200, 3100), 12),
        BusRow.swept("yesterday"),
    ]
    script = press("yesterday", "down")
    assert snap_compare(make_app(None, None), terminal_size=(100, 24), run_before=script)
