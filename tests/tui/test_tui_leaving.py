"""Leaving the dashboard, and buses that leave it, on a bus that the test plays."""

from __future__ import annotations

from typing import Any

import pytest
from textual._callback import invoke
from textual.pilot import Pilot
from textual.timer import Timer

from ipcm_tui.app import ConsoleApp
from ipcm_tui.models.pace import Pace
from ipcm_tui.screens.gone import GoneScreen
from tests.tui.conftest import table


@pytest.mark.parametrize("keys", [["q"], ["ctrl+q"], ["s", "ctrl+q"], ["question_mark", "ctrl+q"]])
def test_quit(app: ConsoleApp, drive: Any, until: Any, keys: list[str]) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press(*keys)
        await until(pilot, lambda: not app.is_running)

    drive(app, script)
    assert app.return_code == 0


@pytest.mark.parametrize("before", [[], ["s"], ["s", "x"], ["ctrl+d"], ["question_mark"], ["2"]])
def test_interrupt_ends_the_demo_wherever_one_is(
    make_app: Any, drive: Any, until: Any, before: list[str]
) -> None:
    app = make_app(demo=True)

    async def script(pilot: Pilot[int]) -> None:
        await pilot.press(*before, "ctrl+c")
        await until(pilot, lambda: not app.is_running)

    drive(app, script)
    assert app.return_code == 0


@pytest.mark.parametrize(
    "before", [[], ["s"], ["ctrl+d"], ["ctrl+x"], ["question_mark"], ["colon"]]
)
def test_ctrl_z_stops_it_wherever_one_is(
    app: ConsoleApp, drive: Any, until: Any, monkeypatch: pytest.MonkeyPatch, before: list[str]
) -> None:
    stopped: list[None] = []
    monkeypatch.setattr(app, "action_suspend_process", lambda: stopped.append(None))

    async def script(pilot: Pilot[int]) -> None:
        await pilot.press(*before, "ctrl+z")
        await until(pilot, lambda: stopped)

    drive(app, script)


def test_interrupt_leaves_other_buses_alone(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "to quit the app" in screen(app))
        assert app.is_running

    drive(app, script)


def test_a_bus_that_vanishes_is_no_drama(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "duplicates" in screen(app))
        demo_bus.over = "the bus ended"
        await until(pilot, lambda: "The bus has ended" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "✕ ended" in screen(app))
        assert "indexer" in screen(app), "what was last seen is there"
        polled = demo_bus.polled
        await pilot.press("s", "ctrl+d", "2", "up", "p", "d", "escape")
        assert len(app.screen_stack) == 1
        assert demo_bus.polled == polled
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)

    drive(app, script)


@pytest.mark.parametrize("before", [["s"], ["ctrl+d"], ["question_mark"]])
def test_a_bus_that_vanishes_while_something_is_open(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, before: list[str]
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        await pilot.press(*before)
        demo_bus.over = "the bus ended"
        await until(pilot, lambda: isinstance(app.screen, GoneScreen))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)

    drive(app, script)


def test_a_bus_that_is_gone_at_once(lonely: Any, make_app: Any, drive: Any, until: Any) -> None:
    lonely.over = "the bus ended"
    app = make_app(lonely)

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: isinstance(app.screen, GoneScreen))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)

    drive(app, script)


@pytest.mark.parametrize("over", [None, "enter", "ctrl+k", "b"])
def test_a_tick_while_it_ends_finds_no_widgets(
    app: ConsoleApp, drive: Any, until: Any, over: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticked: list[str] = []
    timers: list[Timer] = []

    async def close_all() -> None:
        for screen in reversed(app.screen_stack):
            await screen.query("*").remove()
            for timer in [*screen._timers, *timers]:
                if timer._callback is not None:
                    app.touch()
                    app._pace = Pace()
                    await invoke(timer._callback)
                    ticked.append(type(screen).__name__)
        await close()

    close = app._close_all
    monkeypatch.setattr(app, "_close_all", close_all)

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        if over == "enter":
            await pilot.press("tab")
        if over is not None:
            await pilot.press(over)
        timers.extend(app._timers)
        app.exit(0)

    drive(app, script)
    assert "ServicesScreen" in ticked
