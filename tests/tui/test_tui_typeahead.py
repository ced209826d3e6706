"""What is typed faster than the screen follows."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.command import CommandList
from textual.pilot import Pilot
from textual.widgets import Input

from ipcm_tui.app import ConsoleApp
from ipcm_tui.models.pace import Pace
from ipcm_tui.screens.command import CommandScreen
from ipcm_tui.screens.composer import ComposerScreen
from ipcm_tui.screens.palette import PaletteScreen
from ipcm_tui.screens.service import ServiceScreen
from ipcm_tui.widgets.traffic_view import TrafficView

KEYS = {"/": "slash", ":": "colon", " ": "space", "\r": "enter", "\x1b": "escape"}


def burst(app: ConsoleApp, text: str) -> None:
    """All keys in one read of the terminal."""
    for character in text:
        app.post_message(events.Key(KEYS.get(character, character), character))


def test_keys_of_one_burst_go_where_their_first_one_leads(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        def value(selector: str) -> str:
            return next((field.value for field in app.screen.query(selector).results(Input)), "")

        burst(app, "/name=store")
        await until(pilot, lambda: value("#filter Input") == "name=store")
        await until(pilot, lambda: "1 of 4" in screen(app))
        burst(app, "\x1bfsearch")
        await until(pilot, lambda: value("#find Input") == "search")
        # Enter finds it and gives the keys back to the list; what follows is for the list.
        burst(app, "\r" + "n" * 2 + "\x1b")
        view = app.screen.query_one(TrafficView)
        await until(pilot, lambda: view.has_focus and not view.window.paused)
        assert value("#find Input") == "search"
        burst(app, ":ps store")
        await until(pilot, lambda: isinstance(app.screen, CommandScreen))
        await until(pilot, lambda: value("#line") == "ps store")
        burst(app, "\x1bspro")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
        await until(pilot, lambda: value("#endpoint") == "pro")
        burst(app, "\x1b1\r")
        await until(pilot, lambda: isinstance(app.screen, ServiceScreen))
        burst(app, "2foo")
        await until(pilot, lambda: value("#find Input") == "oo")
        await pilot.pause(0.1)
        assert app.screen.query_one("#find Input").has_focus

    drive(app, script, (120, 40))


def test_a_key_behind_a_filter_is_for_the_rows_that_it_leaves(
    app: ConsoleApp, drive: Any, until: Any, monkeypatch: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        # As while one picture costs more than a few keys take.
        monkeypatch.setattr(app._pace, "due", lambda *given, **options: False)
        burst(app, "/name=store\r\r")
        await until(pilot, lambda: isinstance(app.screen, ServiceScreen))
        opened = app.screen
        assert isinstance(opened, ServiceScreen) and opened.key.name == "store"

    drive(app, script, (120, 40))


def test_pages_are_turned_before_there_are_any(app: ConsoleApp, drive: Any, until: Any) -> None:
    pages = ("pagedown", "pageup", "pageup", "pagedown")

    async def script(pilot: Pilot[int]) -> None:
        for key in ("ctrl+p", *pages):
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: app.screen.query(CommandList).filter(".--visible"))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        app.search_themes()
        for key in pages:
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: isinstance(app.screen, PaletteScreen))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)

    drive(app, script)


def test_what_is_pasted_onto_a_table_opens_what_it_begins_with(
    app: ConsoleApp, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        app.post_message(events.Paste("q"))
        app.post_message(events.Paste("/store"))
        await until(pilot, lambda: app.screen.query_one("#filter Input", Input).value == "store")
        app.post_message(events.Paste(" and cpu>1"))
        await until(
            pilot,
            lambda: app.screen.query_one("#filter Input", Input).value == "store and cpu>1",
        )
        await pilot.press("escape")
        app.post_message(events.Paste(":call store\nstats"))
        await until(pilot, lambda: isinstance(app.screen, CommandScreen))
        await until(pilot, lambda: app.screen.query_one("#line", Input).value == "call store")

    drive(app, script)


def test_what_somebody_asks_for_does_not_wait_for_what_drawing_has_cost() -> None:
    pace = Pace(share=0.2, least=0.1, most=1.0)
    pace.drew(100.0, 5.0)
    assert not pace.due(100.5, 5.2) and pace.due(100.5, 5.2, asked=True)
    for _ in range(2):
        assert pace.due(100.0, 5.0, asked=True), "a key may lead to a second picture"
        pace.drew(100.0, 5.0)
    assert not pace.due(100.05, 5.0, asked=True), "ten pictures a second are enough for anybody"
