"""What a service wrote: followed, until somebody looks back."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.pilot import Pilot

from ipcm_tui.models.buses import BusFacts
from ipcm_tui.screens.service import ServiceScreen
from ipcm_tui.screens.services import ServicesScreen
from ipcm_tui.widgets.output_view import OutputView


class Written:
    """What was written is read once."""

    def __init__(self, text: str) -> None:
        self.text = text

    def open(self, facts: BusFacts, service: str) -> Written:
        del facts, service
        return self

    def tail(self, lines: int) -> str:
        del lines
        return self.read()

    def read(self, most: int = 0) -> str:
        del most
        text, self.text = self.text, ""
        return text


def lines(first: int, last: int) -> str:
    return "".join(f"line {number}.\n" for number in range(first, last + 1))


async def open_output(pilot: Pilot[int], until: Any) -> OutputView:
    await pilot.press("enter", "7")
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, ServiceScreen) and app.screen.tab == "output")
    view = app.screen.query_one(OutputView)
    await until(pilot, view.row_count)
    return view


def test_its_end_is_in_sight_in_a_lower_window_too(
    make_app: Any, drive: Any, until: Any, screen: Any
) -> None:
    app = make_app(outputs=Written(lines(1, 60)).open)

    async def script(pilot: Pilot[int]) -> None:
        await open_output(pilot, until)
        await until(pilot, lambda: "line 60." in screen(app))
        for height in (14, 40, 9):
            await pilot.resize_terminal(100, height)
            await until(pilot, lambda: "line 60." in screen(app) and "following" in screen(app))

    drive(app, script, (100, 30))


def test_who_scrolls_back_reads_on_and_escape_follows_again(
    make_app: Any, drive: Any, until: Any, screen: Any
) -> None:
    output = Written(lines(1, 60))
    app = make_app(outputs=output.open)

    async def script(pilot: Pilot[int]) -> None:
        view = await open_output(pilot, until)
        await until(pilot, lambda: "line 60." in screen(app))
        for _ in range(4):
            view.post_message(scrolled(view))
        await until(pilot, lambda: "line 60." not in screen(app))
        output.text = lines(61, 62)
        app.touch()
        await until(pilot, lambda: view.row_count() == 62)
        await until(pilot, lambda: "G follows again" in screen(app))
        assert "line 62." not in screen(app)
        await pilot.press("escape")
        await until(pilot, lambda: "line 62." in screen(app) and "following" in screen(app))
        await pilot.press("slash", *"line 7.", "enter")
        await until(pilot, lambda: "line 7." in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "line 62." in screen(app) and not view.finding)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ServicesScreen))

    drive(app, script, (100, 30))


def test_long_lines_can_be_read_to_their_end(
    make_app: Any, drive: Any, until: Any, screen: Any
) -> None:
    words = " ".join(f"word{number}" for number in range(60))
    app = make_app(outputs=Written(f"{words}\nshort\n").open)

    async def script(pilot: Pilot[int]) -> None:
        view = await open_output(pilot, until)
        await until(pilot, lambda: "word0 word1" in screen(app) and "word59" not in screen(app))
        await pilot.press(*["right"] * 20)
        await until(pilot, lambda: "word59" in screen(app) and "characters" in screen(app))
        assert "word0 " not in screen(app)
        await pilot.press(*["left"] * 20)
        await until(pilot, lambda: "word0 word1" in screen(app) and "short" in screen(app))
        assert view.left == 0 and "characters" not in screen(app)
        await pilot.press("slash", *"word40", "enter")
        await until(pilot, lambda: "word40" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "following" in screen(app))

    drive(app, script, (80, 30))


def scrolled(view: OutputView) -> events.MouseScrollUp:
    return events.MouseScrollUp(view, 5, 5, 0, 0, 0, False, False, False)


def test_before_it_has_written_anything(make_app: Any, drive: Any, until: Any, screen: Any) -> None:
    output = Written("")
    app = make_app(outputs=output.open)

    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("enter", "7")
        await until(pilot, lambda: "It has written nothing" in screen(app))
        await pilot.press("up", "pageup")
        output.text = lines(1, 60)
        app.touch()
        await until(pilot, lambda: "line 60." in screen(app))

    drive(app, script, (100, 30))
