"""What makes the console light: rare collections, tabs opened when looked at, cheap dimming."""

from __future__ import annotations

import gc
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.pilot import Pilot
from textual.renderables.background_screen import BackgroundScreen
from textual.widgets import ContentSwitcher, Tabs

from ipcm_tui.app import ConsoleApp
from ipcm_tui.collecting import rare_collections
from ipcm_tui.screens.help import HelpScreen
from ipcm_tui.screens.overlay import Dimmed
from ipcm_tui.screens.service import TABS, ServiceScreen
from ipcm_tui.widgets.glossary_view import GlossaryView


def test_collections_are_rare_only_while_the_console_is_there(
    app: ConsoleApp, drive: Any, until: Any
) -> None:
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()  # Python 3.12 freezes some itself

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: gc.get_freeze_count() > frozen)
        assert gc.get_threshold() > threshold

    drive(app, script)
    assert gc.get_threshold() == threshold
    assert gc.get_freeze_count() <= frozen


def test_an_error_does_not_leave_them_rare() -> None:
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        with rare_collections():
            raise KeyError
    except KeyError:
        assert gc.get_threshold() == threshold
        assert gc.get_freeze_count() <= frozen


def test_a_tab_is_made_when_somebody_looks_at_it(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    def opened() -> list[str | None]:
        return [pane.id for pane in app.screen.query_one("#panes", ContentSwitcher).children]

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "store" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ServiceScreen))
        await until(pilot, lambda: opened() == ["overview"])
        tabs = app.screen.query_one("#tabs", Tabs)
        await pilot.click("#tab-peers")
        await until(pilot, lambda: "Came and left" in screen(app))
        assert opened() == ["overview", "peers"]
        await pilot.press("1", "3", "1", "3")
        await until(pilot, lambda: app.screen.query_one("#service-peers").has_focus)
        assert opened() == ["overview", "peers"] and tabs.active == "tab-peers"
        # All at once, as a terminal hands on what was typed before it was looked at.
        for name in [str(number) for number in range(1, len(TABS) + 1)]:
            app.simulate_key(name)
        await until(pilot, lambda: tabs.active == f"tab-{TABS[-1]}")
        assert sorted(map(str, opened())) == sorted(TABS)

    drive(app, script, (120, 40))


def test_only_the_traffic_offers_to_be_held(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "store" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Next tab" in screen(app).splitlines()[-1])
        assert "Pause" not in screen(app)
        await pilot.press("2")
        await until(pilot, lambda: "Pause" in screen(app).splitlines()[-1])
        await pilot.press("3")
        await until(pilot, lambda: "Pause" not in screen(app))

    drive(app, script, (120, 40))


def test_help_is_as_high_as_its_lines_and_keeps_to_the_screen(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "store" in screen(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        view = app.screen.query_one(GlossaryView)
        await until(pilot, lambda: view.size.height > 40)
        assert app.screen.query_one(".box").region.height <= 30
        await pilot.press("end")
        await until(pilot, lambda: "→ sent" in screen(app))

    drive(app, script, (80, 30))


def test_what_is_below_a_box_is_dimmed_as_textual_does_it() -> None:
    over = Color.parse("#102030").with_alpha(0.65)
    segments = [
        Segment("plain"),
        Segment("red", Style(color="#ff0000", bold=True)),
        Segment("both", Style(color="#00ff00", bgcolor="#0000ff")),
        Segment("meta", Style(color="#00ff00", meta={"@click": "quit"})),
        Segment("red", Style(color="#ff0000", bold=True)),
    ]
    ours = list(Dimmed.process_segments(segments, over))
    assert ours == list(BackgroundScreen.process_segments(segments, over))
    assert not any(style is not None and style.meta for _, style, _ in ours)
