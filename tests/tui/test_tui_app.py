"""Every key and flow of the main screen, on a bus that the test plays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from ipcm._core.observation import Latency, TerminatedEvent
from ipcm.errors import RequestTimeout, UnsupportedError
from ipcm_tui.app import ConsoleApp
from ipcm_tui.screens.confirm import ConfirmScreen
from ipcm_tui.screens.help import HelpScreen
from ipcm_tui.screens.pair import PairScreen
from ipcm_tui.session import beat
from ipcm_tui.theme import ChosenTheme
from ipcm_tui.widgets.traffic_view import TrafficView
from tests.tui.conftest import choose, main_screen, table

SIZES = pytest.mark.parametrize("size", [(30, 10), (80, 24), (80, 50), (120, 40), (240, 70)])


def traffic(app: ConsoleApp) -> TrafficView:
    return app.screen_stack[0].query_one(TrafficView)


def chosen(app: ConsoleApp) -> tuple[str, int] | None:
    key = table(app).selected
    return None if key is None else (key.name, int(key.incarnation, 16))


# Looking


@SIZES
def test_draws_at_any_size(
    app: ConsoleApp, drive: Any, until: Any, screen: Any, size: tuple[int, int]
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "indexer" in screen(app))
        assert "demo" in screen(app)

    drive(app, script, size)


def test_shows_the_bus_the_peers_and_the_traffic(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "duplicates" in screen(app))
        text = screen(app)
        for part in ("demo", "unix", "up 1m17s", "3 services", "1 client", "14.2 req/s", "● live",
                     "probe → store", "✗ error", "notebook", "340µs", "following"):  # fmt: skip
            assert part in text, part

    drive(app, script)


def test_asks_for_snapshots_and_shows_what_changed_in_place(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "14.2" in screen(app))
        await until(pilot, lambda: demo_bus.refreshed >= 2)
        demo_bus.snap("store", total=Latency(500, 0, 77.7, 0.001, 0.002, 0.003))
        await until(pilot, lambda: "77.7" in screen(app))

    drive(app, script)


def test_the_more_services_there_are_the_less_often_each_is_asked() -> None:
    assert beat(0) == beat(10) == beat(50) == 0.5
    assert beat(100) == 1.0
    assert beat(200) == beat(5_000) == 2.0


def test_nobody_and_nothing_yet(
    lonely: Any, make_app: Any, drive: Any, until: Any, screen: Any
) -> None:
    app = make_app(lonely)

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "No traffic yet." in screen(app))
        await pilot.press("d", "ctrl+d", "p", "2", "up", "down", "pageup", "home", "end", "enter")
        assert "0 services" in screen(app)
        lonely.join("first", 9)
        await until(pilot, lambda: "first" in screen(app))

    drive(app, script)


def test_the_cursor_stays_on_its_peer_when_others_come(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        await choose(pilot, "store")
        demo_bus.join("aardvark", 77)
        demo_bus.join("beaver", 78)
        await until(pilot, lambda: table(app).row_count() == 6)
        assert chosen(app) == ("store", 4240)
        assert table(app).cursor == 4
        await pilot.press("up")
        assert chosen(app) == ("probe", 4244), "the keys go on from there"

    drive(app, script)


def test_the_cursor_stays_on_a_life_not_on_a_name(
    app: ConsoleApp, demo_bus: Any, clock: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        await choose(pilot, "store")
        clock.advance(2)
        demo_bus.tell(TerminatedEvent("store", clock.now, 0))
        demo_bus.leave("store")
        demo_bus.join("store", 9999, since=0.001)
        await until(pilot, lambda: "✕ ended" in screen(app) and "9999" in screen(app))
        assert chosen(app) == ("store", 4240)
        await pilot.press("z")
        await until(pilot, lambda: table(app).row_count() == 4)
        assert chosen(app) == ("probe", 4244), "its row is gone: the one above"

    drive(app, script)


def test_another_size_keeps_the_selection(app: ConsoleApp, drive: Any, until: Any) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        await choose(pilot, "store")
        for size in ((200, 60), (40, 12), (1, 1), (120, 40)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: table(app).row_count() == 4)
            assert chosen(app) == ("store", 4240)

    drive(app, script)


@pytest.mark.parametrize("theme", ["textual-light", "nord", "ANSI"])
def test_other_themes(app: ConsoleApp, drive: Any, until: Any, screen: Any, theme: str) -> None:
    async def script(pilot: Pilot[int]) -> None:
        before = app.palette
        ansi = next(name for name in app.available_themes if "ansi" in name)
        app.theme = ansi if theme == "ANSI" else theme
        await until(pilot, lambda: app.palette != before)
        await until(pilot, lambda: "indexer" in screen(app))

    drive(app, script)


def test_a_chosen_theme_is_there_again_in_the_next_run(
    make_app: Any, drive: Any, until: Any, tmp_path: Path
) -> None:
    path = tmp_path / "state" / "theme"

    async def choose_one(pilot: Pilot[int]) -> None:
        pilot.app.theme = "ipcm-light"
        await until(pilot, path.exists)

    drive(make_app(chosen=ChosenTheme(path)), choose_one)
    assert make_app(chosen=ChosenTheme(path)).theme == "ipcm-light"


@pytest.mark.parametrize("kept", ["", "no such theme", "\x00", None])
def test_a_theme_that_is_not_there_is_the_usual_one(
    make_app: Any, tmp_path: Path, kept: str | None
) -> None:
    path = tmp_path / "theme"
    if kept is None:
        path.mkdir()
    else:
        path.write_text(kept)
    chosen = ChosenTheme(path)
    assert make_app(chosen=chosen).theme == "ipcm"
    chosen.keep("ipcm-light")  # also where it cannot be written


# Traffic


def test_pause_holds_what_is_shown_and_counts(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "duplicates" in screen(app))
        await pilot.press("p")
        await until(pilot, lambda: "paused: +0 new, 0 dropped" in screen(app))
        demo_bus.dropped = 7
        for id in range(3):
            demo_bus.tell(*demo_bus.exchange("probe", "store", 900 + id, "unseen"))
        await until(pilot, lambda: "paused: +3 new, 7 dropped" in screen(app))
        assert "unseen" not in screen(app)
        await pilot.press("p")
        await until(pilot, lambda: "following, 7 dropped" in screen(app))
        assert "unseen" in screen(app)

    drive(app, script)


@pytest.mark.parametrize("back", ["G", "end", "escape", "p"])
def test_looking_back_holds_the_list_until_one_goes_on(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any, back: str
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "duplicates" in screen(app))
        await pilot.press("2", "k", "up")
        assert main_screen(app).window.paused
        row = traffic(app).selected
        demo_bus.tell(*demo_bus.exchange("probe", "store", 900, "newer"))
        await until(pilot, lambda: "+1 new" in screen(app))
        assert traffic(app).selected is row
        await pilot.press(back)
        await until(pilot, lambda: "newer" in screen(app))
        assert not main_screen(app).window.paused

    drive(app, script)


def test_keys_of_the_traffic_go_to_both_ends(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        for id in range(200):
            demo_bus.tell(*demo_bus.exchange("probe", "store", 1000 + id, f"e{id}"))
        await until(pilot, lambda: traffic(app).window.log.added >= 212)
        view = traffic(app)
        await pilot.press("2", "home")
        assert view.selected is view.window.rows[0] and view.scroll_y == 0
        await pilot.press("pagedown", "j")
        assert view.selected is view.window.rows[view.size.height - 1]
        await pilot.press(*["pagedown"] * 20)
        assert view.selected is view.window.rows[-1]
        assert view.scroll_y == view.max_scroll_y
        await pilot.press("pageup", "k")
        assert view.selected is view.window.rows[-view.size.height]

    drive(app, script)


def test_the_wheel_holds_the_list(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        for id in range(50):
            demo_bus.tell(*demo_bus.exchange("probe", "store", 1000 + id, f"e{id}"))
        await until(pilot, lambda: "e49" in screen(app))
        # It may still be on its way to the last row, and then the first turn is lost.
        await until(
            pilot,
            lambda: traffic(app).scroll_up(animate=False) or main_screen(app).window.paused,
        )

    drive(app, script)


def test_the_mouse_selects_and_opens_a_row(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "duplicates" in screen(app))
        await pilot.click(TrafficView, offset=(20, 6))
        row = traffic(app).selected
        assert main_screen(app).window.paused and row is main_screen(app).window.rows[4]
        await pilot.click(TrafficView, offset=(20, 6))
        await until(pilot, lambda: isinstance(app.screen, PairScreen))
        assert "round trip" in screen(app) or "service" in screen(app)

    drive(app, script)


def test_a_flood_leaves_the_keys_alive(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    """Of 100,000 messages at once the last ones are shown, and the rest is counted."""

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "duplicates" in screen(app))
        events = [e for id in range(50_000) for e in demo_bus.exchange("a", "b", id, f"e{id}")]
        demo_bus.tell(*events)
        await until(pilot, lambda: "e49999" in screen(app))
        assert traffic(app).window.log.skipped == 99_500
        assert "99,500 dropped" in screen(app)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)

    drive(app, script)


# Details and help


def test_details_of_the_selected_peer_beside_the_traffic(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "hash-7" in screen(app))
        await choose(pilot, "store")
        await until(pilot, lambda: "duplicates    31" in screen(app))
        await pilot.press("2", "up")
        await until(pilot, lambda: '"bytes": 9210341' in screen(app))

    drive(app, script, (140, 50))


@pytest.mark.parametrize("key", ["enter", "d"])
def test_details_large(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any, key: str
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        await choose(pilot, "store")
        await pilot.press(key)
        await until(pilot, lambda: "411, 3 with an error" in screen(app))
        demo_bus.snap("store", total=Latency(500, 9, 1.0, 0.001, 0.002, 0.003))
        await until(pilot, lambda: "500, 9 with an error" in screen(app))
        await pilot.press("escape")
        assert len(app.screen_stack) == 1
        await pilot.press("2", "up", key)
        await until(pilot, lambda: "round trip" in screen(app) or "118B" in screen(app))
        await pilot.press("escape")
        assert len(app.screen_stack) == 1

    drive(app, script)


def test_help_lists_the_keys_and_explains_the_signs(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("question_mark")
        await until(pilot, lambda: "Ask a service to end" in screen(app))
        for part in ("^d, t", "Send a request", "◐ busy", "? missed", "Order by a column"):
            assert part in screen(app), part
        assert re.search(r" L +p95 ", screen(app))
        await pilot.press("escape")
        assert len(app.screen_stack) == 1

    drive(app, script, (100, 100))


# Ending a service


@pytest.mark.parametrize("key", ["ctrl+d", "t"])
def test_terminate_asks_first_with_the_focus_on_cancel(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any, key: str
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        await choose(pilot, "indexer")
        await pilot.press(key)
        await until(pilot, lambda: "Terminate indexer?" in screen(app))
        assert "pid 4242, up 1m15s, 2 workers" in screen(app)
        assert isinstance(app.focused, Button) and app.focused.id == "cancel"
        await pilot.press("enter")
        assert len(app.screen_stack) == 1 and demo_bus.acts == []
        await pilot.press(key, "escape", key, "q")
        assert len(app.screen_stack) == 1 and demo_bus.acts == []
        await pilot.press(key, "right", "enter")
        await until(pilot, lambda: demo_bus.acts == [("terminate", "indexer", 0)])
        await until(pilot, lambda: "indexer is asked to end" in screen(app))

    drive(app, script)


def test_terminate_hits_nobody_else_when_the_name_has_a_new_life(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        await choose(pilot, "indexer")
        await pilot.press("ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        demo_bus.leave("indexer")
        demo_bus.join("indexer", 5555)
        await pilot.press("right", "enter")
        await until(pilot, lambda: "nothing was done" in screen(app))
        assert demo_bus.acts == []

    drive(app, script)


def test_terminate_says_why_it_did_not(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        await choose(pilot, "notebook")
        await pilot.press("ctrl+d")
        await until(pilot, lambda: "plain client" in screen(app))
        await pilot.press("g")
        demo_bus.failure = RequestTimeout("indexer", 1.0)
        await pilot.press("ctrl+d", "right", "enter")
        await until(pilot, lambda: "indexer is busy: it was asked to end" in screen(app))
        demo_bus.failure = UnsupportedError("this connection is read-only")
        await pilot.press("ctrl+d", "right", "enter")
        await until(pilot, lambda: "this connection is read-only" in screen(app))
        demo_bus.leave("indexer")
        await until(pilot, lambda: "✕ gone" in screen(app))
        await pilot.press("ctrl+d")
        await until(pilot, lambda: "has left already" in screen(app))
        assert len(app.screen_stack) == 1

    drive(app, script, (120, 40))


def test_read_only_touches_nothing(
    make_app: Any, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    app = make_app(read_only=True)

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "read-only" in screen(app))
        await pilot.press("s", "ctrl+d", "t", "ctrl+k", "ctrl+x", "r", "e")
        assert len(app.screen_stack) == 1
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert "Mark a row, or unmark it" in titles and "ipcm ps" in titles
        assert not titles & {"Send a request", "Ask a service to end", "ipcm kill", "ipcm call"}

    drive(app, script)
