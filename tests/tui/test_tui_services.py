"""The services screen beyond looking: order, filter, marks, acts on one and on many."""

from __future__ import annotations

import signal
from typing import Any

from rich.cells import cell_len
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.widgets import Button, Input

from ipcm.errors import PeerGone, RequestTimeout
from ipcm_tui.app import ConsoleApp
from ipcm_tui.models.ordering import Order
from ipcm_tui.screens.confirm import ConfirmScreen
from ipcm_tui.screens.kill import KillScreen
from ipcm_tui.screens.signals import SignalScreen
from tests.tui.conftest import main_screen


def names(app: ConsoleApp) -> list[str]:
    return [key.name for key in main_screen(app).table.keys]


def test_sorted_by_any_column_with_the_cursor_on_its_row(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        table = main_screen(app).table
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("down", "down")
        assert table.selected is not None and table.selected.name == "store"
        await pilot.press("R")
        await until(pilot, lambda: names(app)[0] == "store")
        assert "▼req/s" in screen(app).replace(" ", "")
        assert table.selected.name == "store" and table.cursor == 0
        await pilot.press("R")
        await until(pilot, lambda: names(app)[:3] == ["indexer", "probe", "store"])
        assert "▲req/s" in screen(app).replace(" ", "")
        await pilot.press("R")
        await until(pilot, lambda: main_screen(app).order is None)
        await pilot.press("D", "D")
        await until(pilot, lambda: names(app) == ["notebook", "probe", "indexer", "store"])
        x = screen(app).splitlines()[2].index("cpu")
        await pilot.click("#peers", offset=Offset(x + 1, 1))
        await until(pilot, lambda: main_screen(app).order == Order("cpu", down=True))

    drive(app, script, (100, 30))


def test_filtered_as_one_types_and_an_error_shows_where(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("slash", *"kind=client")
        await until(pilot, lambda: names(app) == ["notebook"])
        await pilot.press("enter")
        await until(pilot, lambda: "kind=client: 1 of 4" in screen(app))
        assert main_screen(app).table.has_focus
        demo_bus.join("second", 9000, "client")
        await until(pilot, lambda: names(app) == ["notebook", "second"])
        await pilot.press("slash", *" and p95>")
        await until(pilot, lambda: "^ a value is missing behind >" in screen(app))
        line = next(each for each in screen(app).splitlines() if "^ a value" in each)
        typed = next(each for each in screen(app).splitlines() if each.startswith(" filter "))
        assert line.index("^") == typed.index("p95>") + 4
        await pilot.press("1")
        await until(pilot, lambda: "^ a value" not in screen(app) and names(app) == [])
        await pilot.press("s", "x")
        await until(pilot, lambda: "^ 'sx' is no unit" in screen(app))
        await pilot.press("enter")
        assert main_screen(app).query_one("#filter Input", Input).has_focus
        main_screen(app).query_one("#filter Input", Input).value = "name=漢字 and p95>"
        await until(pilot, lambda: "^ a value is missing behind >" in screen(app))
        line = next(each for each in screen(app).splitlines() if "^ a value" in each)
        typed = next(each for each in screen(app).splitlines() if each.startswith(" filter "))
        assert line.index("^") == cell_len(typed[: typed.index("p95>") + 4])
        await pilot.press("escape")
        await until(pilot, lambda: len(names(app)) == 5)
        await pilot.press("slash", *"zzz")
        await until(pilot, lambda: "nothing fits the filter" in screen(app))
        await pilot.press("enter", "escape")
        await until(pilot, lambda: len(names(app)) == 5)

    drive(app, script)


def test_the_cursor_is_on_its_row_again_where_none_was_left(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("down", "down")
        chosen = main_screen(app).table.selected
        assert chosen != main_screen(app).table.keys[0]
        await pilot.press("slash", *"zzz")
        await until(pilot, lambda: "nothing fits the filter" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(names(app)) == 4)
        assert main_screen(app).table.selected == chosen

    drive(app, script)


def test_many_are_ended_only_after_their_number_was_typed(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("space", "space")
        await until(pilot, lambda: "2 marked" in screen(app))
        await pilot.press("ctrl+d")
        await until(pilot, lambda: "Terminate 2 services?" in screen(app))
        confirm = app.screen.query_one("#confirm", Button)
        assert confirm.disabled
        await pilot.press("enter", *"terminate 3", "enter")
        assert confirm.disabled and demo_bus.acts == []
        await pilot.press("backspace", "2", "enter")
        await until(pilot, lambda: len(demo_bus.acts) == 2)
        assert [name for _, name, _ in demo_bus.acts] == ["indexer", "probe"]
        await until(pilot, lambda: not main_screen(app).marked)
        await pilot.press("ctrl+a")
        await until(pilot, lambda: "4 marked" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "marked" not in screen(app))

    drive(app, script, (100, 30))


def test_a_signal_is_picked_and_sent_by_the_service_or_the_kernel(
    app: ConsoleApp, demo_bus: Any, processes: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("ctrl+x")
        await until(pilot, lambda: isinstance(app.screen, SignalScreen))
        await pilot.press("enter")
        assert isinstance(app.screen, SignalScreen), "nothing is chosen yet"
        await pilot.press(*"usr1", "enter")
        await until(pilot, lambda: demo_bus.acts == [("signal", "indexer", signal.SIGUSR1)])
        await pilot.press("ctrl+x", *"19", "enter")
        await until(pilot, lambda: processes.signals == [(4242, 1, signal.SIGSTOP)])
        demo_bus.failure = PeerGone("indexer")
        await pilot.press("ctrl+x", "down", "enter")
        await until(pilot, lambda: "SIGHUP, and has ended" in screen(app))
        demo_bus.failure = RequestTimeout("indexer", 1.0)
        await pilot.press("ctrl+x", "down", "enter")
        await until(pilot, lambda: "is busy: it gets SIGHUP" in screen(app))
        await pilot.press("G", "ctrl+x", *"term", "enter")
        await until(pilot, lambda: (5120, 1, signal.SIGTERM) in processes.signals)
        await pilot.press("ctrl+x", "escape")
        assert len(app.screen_stack) == 1

    drive(app, script, (110, 40))


def test_kill_is_term_then_a_countdown_that_can_be_cancelled_then_kill(
    app: ConsoleApp, demo_bus: Any, processes: Any, clock: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("ctrl+k")
        await until(pilot, lambda: "Kill indexer?" in screen(app))
        await pilot.press("enter")
        assert processes.signals == [], "the focus was on Cancel"
        await pilot.press("ctrl+k", "right", "enter")
        await until(pilot, lambda: isinstance(app.screen, KillScreen))
        await until(pilot, lambda: processes.signals == [(4242, 1, signal.SIGTERM)])
        clock.advance(2)
        await until(pilot, lambda: "SIGKILL in 3.0 s" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "No SIGKILL follows" in screen(app))
        clock.advance(9)
        await pilot.pause(0.2)
        assert len(processes.signals) == 1
        await pilot.press("escape")
        await pilot.press("ctrl+k", "right", "enter")
        await until(pilot, lambda: len(processes.signals) == 2)
        clock.advance(6)
        await until(pilot, lambda: processes.signals[2:] == [(4242, 1, signal.SIGKILL)])
        processes.exits["indexer"] = -9
        demo_bus.leave("indexer")
        await until(pilot, lambda: "✕ SIGKILL" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)

    drive(app, script, (110, 40))


def test_who_it_is_is_looked_at_again_at_the_moment_of_the_act(
    app: ConsoleApp, demo_bus: Any, processes: Any, clock: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("ctrl+k")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        processes.starts[4242] = 99
        await pilot.press("right", "enter")
        await until(pilot, lambda: "is another process now" in screen(app))
        await pilot.press("escape")
        processes.starts[4242] = 1
        await pilot.press("ctrl+k", "right", "enter")
        await until(pilot, lambda: len(processes.signals) == 1)
        processes.starts[4242] = 2
        clock.advance(6)
        await until(pilot, lambda: "another process" in screen(app))
        assert len(processes.signals) == 1, "no KILL for whoever has the pid now"
        await pilot.press("escape", "escape")
        processes.failure = PermissionError(1, "not permitted")
        processes.starts[4242] = 1
        await pilot.press("ctrl+x", *"kill", "enter")
        await until(pilot, lambda: "not permitted" in screen(app))

    drive(app, script, (110, 40))
