"""Small screens, and those with few colours: what is most wanted is there, and can be seen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from rich.console import Console
from textual.pilot import Pilot

from ipcm._core.observation import CallbackError
from ipcm_tui.app import ConsoleApp
from ipcm_tui.screens.help import HelpScreen
from ipcm_tui.screens.pair import PairScreen
from tests.tui.conftest import table


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


def test_a_pane_without_room_takes_no_keys(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        before = table(app).cursor
        await pilot.press("3", "j")
        await until(pilot, lambda: table(app).cursor == (before or 0) + 1)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await until(pilot, lambda: "To the traffic" in screen(app))
        assert "To the details" not in screen(app)

    drive(app, script, (80, 24))


def test_the_list_gets_the_keys_of_a_pane_that_a_smaller_screen_has_no_room_for(
    app: ConsoleApp, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("3")
        await until(pilot, lambda: app.focused is app.screen.query_one("#detail"))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.focused is table(app))
        await pilot.press("enter", "3")
        await until(pilot, lambda: app.screen.query("#deltas"))
        app.screen.query_one("#deltas").focus()
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: app.focused is app.screen.query_one("#service-peers"))

    drive(app, script, (120, 40))


def test_the_help_of_a_read_only_console_has_only_keys_that_work(
    make_app: Any, drive: Any, until: Any, screen: Any
) -> None:
    app = make_app(read_only=True)

    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("question_mark")
        await until(pilot, lambda: "Find text in the traffic" in screen(app))
        for about in ("Send a request", "Ask a service to end", "SIGKILL", "Edit a request"):
            assert about not in screen(app)

    drive(app, script, (100, 40))


def test_the_longest_name_leaves_room_for_what_it_is_about(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    demo_bus.join("a" * 100 + "-end", 4250)

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 5)
        await pilot.press("g", "enter")
        await until(pilot, lambda: "pid 4250" in screen(app).splitlines()[0])
        first = screen(app).splitlines()[0]
        assert "● up" in first and "-end" in first

    drive(app, script, (80, 24))


def test_each_tab_shows_something_on_ten_lines(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    demo_bus.snap("store", peers=["probe"], errors=[CallbackError(1.0, "on_interval", "Oh", "Tr")])

    async def script(pilot: Pilot[int]) -> None:
        table(app).choose(next(key for key in table(app).keys if key.name == "store"))
        await pilot.press("enter")
        await until(pilot, lambda: "pid    4240" in screen(app))
        await pilot.press("3")
        await until(pilot, lambda: "● there" in screen(app))
        await pilot.press("6")
        await until(pilot, lambda: "Oh" in screen(app) and "Tr" in screen(app))

    drive(app, script, (40, 10))


@pytest.mark.parametrize("system", ["standard", "truecolor", None])
def test_dim_text_is_not_lost_on_the_row_of_the_cursor_among_sixteen_colours(
    app: ConsoleApp, drive: Any, until: Any, monkeypatch: pytest.MonkeyPatch, system: str | None
) -> None:
    monkeypatch.setattr(Console, "color_system", system)

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: table(app).row_count() == 4)
        strip = table(app).render_line(1 + (table(app).cursor or 0))
        (nothing,) = {style.color for text, style, _ in strip if "–" in text and style is not None}  # noqa: RUF001
        dim = app.palette["dim"].color
        assert (nothing == dim) == (system != "standard")

    drive(app, script)


@pytest.mark.parametrize(("key", "word"), [("t", "Terminate"), ("ctrl+k", "Kill")])
def test_what_a_question_can_be_answered_with_is_seen(
    app: ConsoleApp, drive: Any, until: Any, screen: Any, key: str, word: str
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press(key)
        await until(pilot, lambda: re.search(f"Cancel .* {word} ", screen(app)))

    drive(app, script, (40, 10))


@pytest.mark.parametrize(
    "keys",
    [[], ["s"], ["ctrl+d"], ["ctrl+x"], ["question_mark"], ["colon"], ["y"], ["ctrl+s"], ["b"],
     ["ctrl+p"], ["l"], ["2", "up", "enter"], ["enter", *"12345678"], ["slash"]],
    ids=" ".join,
)  # fmt: skip
def test_no_size_is_too_small(app: ConsoleApp, drive: Any, until: Any, keys: list[str]) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press(*keys)
        for width, height in ((1, 1), (5, 3), (120, 2), (2, 40), (12, 12), (120, 40)):
            await pilot.resize_terminal(width, height)
            # It is drawn on as one of a few columns.
            size = max(width, 16), max(height, 4)
            await until(pilot, lambda size=size: app.size == size)

    drive(app, script, (120, 40))
