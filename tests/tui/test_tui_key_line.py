"""The keys that are offered at the bottom."""

from __future__ import annotations

from typing import Any

from textual.command import CommandPalette
from textual.pilot import Pilot

from ipcm_tui.app import ConsoleApp
from ipcm_tui.models.key_line import MORE, Offer, fit_offers, offer_at, place_offers
from ipcm_tui.screens.help import HelpScreen
from ipcm_tui.widgets.key_line import KeyLine

HELP = Offer("question_mark", "?", "Help")
WIDE = Offer("x", "x", "世界")


def bottom(text: str) -> str:
    return text.splitlines()[-1]


def key_line(app: ConsoleApp) -> KeyLine:
    return app.screen.query_one(KeyLine)


def test_offers_stand_side_by_side() -> None:
    places = place_offers([HELP, WIDE])
    assert [(place.start, place.end) for place in places] == [(0, 8), (8, 16)]
    found = [offer_at(places, x) for x in (0, 7, 8, 15, 16, -1)]
    assert found == [HELP, HELP, WIDE, WIDE, None, None]
    assert place_offers([]) == [] and offer_at([], 0) is None
    assert place_offers([WIDE], 8) == [places[1]]


def test_only_whole_ones_are_shown() -> None:
    places = place_offers([HELP, WIDE])
    assert fit_offers([HELP, WIDE], 0, 16) == (places, False)
    assert fit_offers([HELP, WIDE], 0, 15) == (places[:1], True)
    assert fit_offers([HELP, WIDE], 0, 9) == (places[:1], True)
    assert fit_offers([HELP, WIDE], 0, 8) == ([], True)  # no room to say that there are more
    assert fit_offers([HELP, WIDE], 1, 8) == (place_offers([WIDE]), False)
    assert fit_offers([], 0, 0) == ([], False)


def test_it_shows_the_keys_of_the_screen_and_of_the_palette(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "? Help" in bottom(screen(app)))
        line = bottom(screen(app))
        assert "p Pause" in line and "^d Terminate" in line
        assert line.endswith("▏? Help  ^p palette ")
        await pilot.press("l")
        await until(pilot, lambda: "Find" in bottom(screen(app)))
        assert "Terminate" not in bottom(screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Terminate" in bottom(screen(app)))

    drive(app, script, (120, 24))


def test_a_click_presses_the_key(app: ConsoleApp, drive: Any, until: Any, screen: Any) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "? Help" in bottom(screen(app)))
        await pilot.mouse_down(KeyLine, offset=(bottom(screen(app)).index("? Help"), 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await pilot.mouse_down(KeyLine, offset=(118, 0))
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))

    drive(app, script, (120, 24))


def test_one_that_is_out_of_order_is_dim_and_rings(
    make_app: Any, drive: Any, until: Any, screen: Any, monkeypatch: Any
) -> None:
    app = make_app(read_only=True)
    rung: list[int] = []
    monkeypatch.setattr(ConsoleApp, "bell", lambda self: rung.append(1))

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "? Help" in bottom(screen(app)))
        line = key_line(app)
        dim = "".join(part.text for part in line.render_line(0) if part.style and part.style.dim)
        assert "Terminate" in dim and "Help" not in dim
        await pilot.mouse_down(KeyLine, offset=(bottom(screen(app)).index("Terminate"), 0))
        await until(pilot, lambda: rung)
        assert len(app.screen_stack) == 1

    drive(app, script, (120, 24))


def test_pointing_at_one_tells_more(app: ConsoleApp, drive: Any, until: Any, screen: Any) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "p Pause" in bottom(screen(app)))
        line = key_line(app)
        before = line.render_line(0)
        await pilot.hover(KeyLine, offset=(2, 0))
        await until(pilot, lambda: line.tooltip == "Hold the traffic still, or follow")
        assert list(line.render_line(0)) != list(before)
        await pilot.hover("#peers", offset=(2, 2))
        await until(pilot, lambda: line.tooltip is None)
        assert list(line.render_line(0)) == list(before)

    drive(app, script)


def test_where_not_all_fit_the_wheel_shows_the_others(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "Pause" in bottom(screen(app)))
        line = key_line(app)
        shown = bottom(screen(app))
        assert shown.startswith(" p Pause ") and f"{MORE}" in shown
        assert shown.endswith("▏? Help  ^p palette ")
        for _ in range(30):
            line.on_mouse_scroll_down()
        await until(pilot, lambda: "q Quit" in bottom(screen(app)))
        assert MORE not in bottom(screen(app))
        await pilot.mouse_down(KeyLine, offset=(bottom(screen(app)).index("? Help"), 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        for _ in range(30):
            line.on_mouse_scroll_up()
        await until(pilot, lambda: bottom(screen(app)).startswith(" p Pause"))
        await pilot.resize_terminal(120, 24)
        await until(pilot, lambda: "q Quit" in bottom(screen(app)))

    drive(app, script, (40, 24))


def test_it_is_drawn_again_only_for_other_keys(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "? Help" in bottom(screen(app)))
        drawn: list[int] = []
        line: Any = key_line(app)
        line.refresh = lambda *regions, **options: drawn.append(1)
        app.screen.refresh_bindings()
        await pilot.press("2", "1", "down")
        assert not drawn
        await pilot.press("slash")  # typing takes the letters away
        await until(pilot, lambda: drawn)

    drive(app, script, (120, 24))
