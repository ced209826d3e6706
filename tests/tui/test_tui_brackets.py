"""Names and texts with brackets, which are markup to Textual: they stand as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from ipcm_tui.app import ConsoleApp
from tests.tui.conftest import choose

NAME = "a[b]c[red]"


@pytest.mark.parametrize("where", ["2", "l", "enter,2", "enter,7"])
def test_what_was_looked_for_in_vain(
    app: ConsoleApp, drive: Any, until: Any, screen: Any, where: str
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await choose(pilot, "store")
        await pilot.press(*where.split(","), "f", *"[/b] [x", "enter")
        await until(pilot, lambda: "mentions '[/b] [x'" in screen(app))

    drive(app, script, (100, 30))


def test_the_names_of_who_is_acted_on(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    demo_bus.join(NAME, 77)
    demo_bus.join("x[b]y", 78, "client")
    demo_bus.tell(*demo_bus.exchange("probe", NAME, 900, "[/b]", when=demo_bus._clock.now))

    async def script(pilot: Pilot[int]) -> None:
        async def stands(*texts: str) -> None:
            for text in texts:
                await until(pilot, lambda text=text: text in screen(app))

        await choose(pilot, NAME)
        await pilot.press("t")
        await stands(f"Terminate {NAME}?")
        await pilot.press("escape", "ctrl+x")
        await stands(f"Signal to {NAME}")
        await pilot.press("escape", "s")
        await stands("Send a request", NAME)
        await pilot.press("escape", "2", "end", "up", "down", "y")
        await stands(f"ask {NAME} for [/b]")
        await pilot.press("escape", "enter")
        await stands("request [/b] ─")
        await pilot.press("escape", "escape", "1")
        demo_bus.leave(NAME)
        await until(pilot, lambda: "✕" in screen(app))
        await pilot.press("t")
        await stands(f"{NAME} has left already")
        await choose(pilot, "x[b]y")
        await pilot.press("t")
        await stands("x[b]y is a plain client")

    drive(app, script, (110, 40))


def test_the_directory_of_what_is_written(
    app: ConsoleApp, drive: Any, until: Any, screen: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("ipcm_tui.app.Path.cwd", lambda: Path("/d[b]"))
    monkeypatch.setattr("ipcm_tui.app.write_export", refuse)

    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "into /d[b]" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: "not written: [/b] is full" in screen(app))

    drive(app, script, (100, 30))


def refuse(*given: object) -> None:
    raise OSError("[/b] is full")
