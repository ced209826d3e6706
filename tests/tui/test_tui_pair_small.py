"""Both payloads of a row are on the smallest screen at once."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from ipcm_tui.app import ConsoleApp
from ipcm_tui.screens.pair import PairScreen


def test_both_payloads_are_side_by_side_on_a_small_screen(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("2", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, PairScreen))
        await until(pilot, lambda: '"endpoint"' in screen(app) and '"files"' in screen(app))
        headings = [line for line in screen(app).splitlines() if "─ request" in line]
        assert any("─ response" in line for line in headings)

    drive(app, script, (80, 24))
