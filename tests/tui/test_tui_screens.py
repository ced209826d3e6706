"""The other screens: one service on tabs, the whole traffic, the buses, and what is taken out."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, RichLog

from ipcm._core.observation import (
    CallbackError,
    EndedWorker,
    ErrorEvent,
    MessageEvent,
    PeerEvent,
    SignalEvent,
)
from ipcm_tui.app import ConsoleApp
from ipcm_tui.models.buses import BusFacts, BusRow
from ipcm_tui.screens.command import CommandScreen
from ipcm_tui.screens.composer import ComposerScreen
from ipcm_tui.screens.copying import CopyScreen
from ipcm_tui.screens.gone import GoneScreen
from ipcm_tui.screens.pair import PairScreen
from ipcm_tui.screens.picker import PickerScreen
from ipcm_tui.screens.service import TABS, ServiceScreen
from ipcm_tui.screens.services import ServicesScreen
from ipcm_tui.screens.traffic import TrafficScreen
from ipcm_tui.widgets.line_table import LineTable
from tests.tui.conftest import choose


class FakeOutput:
    def __init__(self) -> None:
        self.text = ""

    def open(self, facts: BusFacts, service: str) -> FakeOutput:
        assert (facts.name, service) == ("demo", "store")
        return self

    def tail(self, lines: int) -> str:
        assert lines > 100
        return self.read()

    def read(self, most: int = 0) -> str:
        text, self.text = self.text, ""
        return text


def found(app: ConsoleApp) -> str:
    """What is first in the palette."""
    for options in app.screen.query(OptionList):
        if options.option_count:
            return str(options.get_option_at_index(0).prompt).splitlines()[0]
    return ""


def test_every_tab_of_a_service(
    make_app: Any, demo_bus: Any, clock: Any, drive: Any, until: Any, screen: Any
) -> None:
    output = FakeOutput()
    app = make_app(outputs=output.open)
    demo_bus.descriptions["store"] = {
        "name": "store",
        "endpoints": [{"name": "search", "signature": "search(text: str)", "doc": "Searches."}],
    }
    snapshot = demo_bus.snapshots["store"]
    demo_bus.snap(
        "store",
        **{name: getattr(snapshot, name) for name in ("peers", "requests", "total", "endpoints",
                                                      "clients", "signals")},
        errors=[CallbackError(clock.now, "run_on_interval", "ValueError: x",
                              "Traceback:\n  deep\nValueError: x")],
        ended_workers=[EndedWorker(77, "hash", -9, clock.now)],
        backlog={"notebook": 12},
    )  # fmt: skip

    async def script(pilot: Pilot[int]) -> None:
        await choose(pilot, "store")
        demo_bus.tell(
            PeerEvent("store", clock.now, "notebook", 1),
            SignalEvent("store", clock.now, "SIGHUP", 1),
            ErrorEvent("store", clock.now, "run_on_interval", "ValueError: x"),
            MessageEvent("indexer", clock.now, "in", "general", "probe", 5, broadcast=True,
                         preview="of others"),
        )  # fmt: skip
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ServiceScreen))
        await until(pilot, lambda: "answered per second" in screen(app))
        seen = {
            "overview": ["411, 3 with an error", "p50/95/99"],
            "traffic": ["probe → store", "duplicates"],
            "peers": ["notebook", "12", "joined", "+1"],
            "workers": ["hash", "SIGKILL", "✗ failed"],
            "signals": ["SIGUSR1", "22:13:20"],
            "errors": ["ValueError: x", "deep"],
            "output": ["It has written nothing"],
            "endpoints": ["search(text: str)", "Searches."],
        }
        for number, name in enumerate(TABS, 1):
            await pilot.press(str(number))
            for part in seen[name]:
                await until(pilot, lambda part=part: part in screen(app))
            assert "of others" not in screen(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
        assert app.screen.query_one("#endpoint", Input).value == "search"
        await pilot.press("escape", "right_square_bracket")
        await until(pilot, lambda: app.screen.tab == "overview")
        await pilot.press("left_square_bracket", "7")
        output.text = "".join(f"line {n}\n" for n in range(90)) + "oops \x1b[31m\n"
        app.touch()
        await until(pilot, lambda: "oops ·[31m" in screen(app))
        await pilot.press("slash", *"line 7", "enter")
        await until(pilot, lambda: "line 70" in screen(app) and "G follows again" in screen(app))
        await pilot.press("n", "up", "G")
        await until(pilot, lambda: "oops" in screen(app))
        await pilot.press("2", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, PairScreen))
        await pilot.press("escape", "escape")
        demo_bus.leave("store")
        await until(pilot, lambda: "✕ gone" in screen(app))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ServicesScreen))

    drive(app, script, (120, 40))


def test_facts_and_lists_are_side_by_side_where_there_is_room(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    def beside() -> bool:
        return any("state " in line and "endpoints " in line for line in screen(app).splitlines())

    async def script(pilot: Pilot[int]) -> None:
        await choose(pilot, "store")
        await pilot.press("enter")
        await until(pilot, beside)
        await pilot.resize_terminal(100, 40)
        await until(pilot, lambda: "endpoints " in screen(app) and not beside())
        await pilot.resize_terminal(120, 40)
        await until(pilot, beside)
        await pilot.press("escape")
        await choose(pilot, "notebook")
        await pilot.press("enter")
        await until(pilot, lambda: "client" in screen(app))
        await until(pilot, lambda: "answered per second" not in screen(app))

    drive(app, script, (120, 40))


def test_columns_fit_where_nothing_told_of_the_size(
    app: ConsoleApp, drive: Any, until: Any, screen: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(LineTable, "on_resize", lambda self, event: None)

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "p95 " in screen(app))
        assert "p50 " not in screen(app)
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "p50 " in screen(app))

    drive(app, script, (60, 20))


def test_text_is_found_where_there_is_some(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await choose(pilot, "store")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ServiceScreen))
        service = app.screen
        assert isinstance(service, ServiceScreen)
        for name, key in (
            ("overview", "f"),
            ("traffic", "slash"),
            ("peers", "slash"),
            ("output", "f"),
        ):
            offered = name in ("traffic", "output")
            await pilot.press(str(TABS.index(name) + 1))
            await until(pilot, lambda name=name: service.tab == name)
            await until(pilot, lambda offered=offered: ("/ Find" in screen(app)) == offered)
            await pilot.press(key)
            await pilot.pause()
            assert service.tab == name
            assert any(bar.display for bar in service.prompts()) == offered
            if offered:
                await pilot.press("escape")

    drive(app, script, (120, 40))


def test_keys_are_for_what_is_on_the_tab_that_was_clicked(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await choose(pilot, "store")
        await pilot.press("enter")
        for _ in "again":  # the second click is on the tab that is open
            await pilot.click("#tab-peers")
            await until(pilot, lambda: "Came and left" in screen(app))
            await pilot.pause()
            assert app.screen.query_one("#service-peers").has_focus

    drive(app, script, (120, 40))


def test_escape_does_not_close_a_prompt_that_is_on_another_tab(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await choose(pilot, "store")
        await pilot.press("enter", "2", "f", *"se")
        await pilot.click("#tab-peers")
        await until(pilot, lambda: "Came and left" in screen(app))
        await pilot.click("#tab-traffic")
        await until(pilot, lambda: app.screen.query_one("#find Input").has_focus)
        await pilot.click("#tab-peers")
        await until(pilot, lambda: "Came and left" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ServicesScreen))

    drive(app, script, (120, 40))


def test_no_request_is_composed_for_an_endpoint_that_is_not_there(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await choose(pilot, "indexer")
        await pilot.press("enter", "8")
        await until(pilot, lambda: "signature and documentation" in screen(app))
        await pilot.press("enter")
        assert isinstance(app.screen, ServiceScreen)

    drive(app, script, (120, 40))


def test_the_traffic_on_the_whole_screen(
    app: ConsoleApp, demo_bus: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, TrafficScreen))
        await until(pilot, lambda: "duplicates" in screen(app))
        await pilot.press("slash", *"FTS5", "enter")
        await until(pilot, lambda: "'FTS5': 1 found" in screen(app))
        view = app.screen.query_one("#whole")
        demo_bus.tell(*demo_bus.exchange("probe", "store", 900, "unseen"))
        demo_bus.dropped = 3
        await until(pilot, lambda: "+1 new, 3 dropped" in screen(app))
        row = view.selected  # type: ignore[attr-defined]
        assert row.error is not None and "unseen" not in screen(app)
        await pilot.press("slash", *["backspace"] * 4, *"stats", "enter", "n", "n", "N")
        await until(pilot, lambda: view.selected.what == "stats")  # type: ignore[attr-defined]
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, lambda: "nothing here mentions" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "unseen" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PairScreen))
        await pilot.press("q", "q")
        await until(pilot, lambda: isinstance(app.screen, ServicesScreen))

    drive(app, script, (120, 40))


def test_the_buses_come_and_go_and_one_is_opened(
    make_app: Any, demo_bus: Any, lonely: Any, buses: Any, drive: Any, until: Any, screen: Any,
    clock: Any,
) -> None:  # fmt: skip
    app = make_app(None, None, read_only=True)

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "No bus is running." in screen(app))
        await pilot.press("enter", "colon", "y", "escape")
        assert "ipcm demo" in screen(app)
        one = BusRow(BusFacts("demo", "unix", "msgpack", clock.now - 60, 42, "[info]"), 4)
        two = BusRow(BusFacts("other", "unix", "json", clock.now, 43), 0)
        buses.rows = [one, two, BusRow.swept("stale")]
        await until(pilot, lambda: "✕ swept" in screen(app))
        assert "1m00s" in screen(app)
        await pilot.press("G", "enter")
        await until(pilot, lambda: "nothing is left of it" in screen(app))
        await pilot.press("k", "enter")
        await until(pilot, lambda: "no bus named 'other'" in screen(app))
        buses.sources = {"demo": demo_bus, "other": lonely}
        await pilot.press("g", "enter")
        await until(pilot, lambda: "indexer" in screen(app))
        assert buses.opened[-1] == ("[info]", True)
        demo_bus.over = "the bus ended"
        await until(pilot, lambda: isinstance(app.screen, GoneScreen))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, PickerScreen))
        await until(pilot, lambda: "demo" in screen(app))
        buses.rows = [two]
        await until(pilot, lambda: "✕ swept  demo" in screen(app))
        await pilot.press("g", "enter")
        await until(pilot, lambda: "0 services" in screen(app))
        assert demo_bus.closed and not lonely.closed

    drive(app, script, (100, 30), settled=False)
    assert lonely.closed


def test_what_is_selected_is_copied_in_the_words_of_every_surface(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await choose(pilot, "store")
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, CopyScreen))
        await until(pilot, lambda: "ipcm info store -b demo" in screen(app))
        await pilot.press("down", "down", "m")
        assert app.clipboard == "%ipcm terminate store -b demo"
        await until(pilot, lambda: "copied: terminate store" in screen(app))
        await pilot.press("2", "up", "y", "p")
        assert app.clipboard == "ipcm.attach('store', bus='demo').call('search')"
        await pilot.press("y", "enter")
        assert app.clipboard == "ipcm request store search -b demo"

    drive(app, script, (110, 40))


def test_tables_traffic_and_pictures_go_into_files(
    app: ConsoleApp, drive: Any, until: Any, screen: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)

    def written(kind: str) -> list[Path]:
        return list(tmp_path.glob(f"*.{kind}"))

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "duplicates" in screen(app))
        for place, kind in enumerate(("csv", "json", "jsonl", "svg")):
            await pilot.press("ctrl+s", *["down"] * place, "enter")
            await until(pilot, lambda kind=kind: written(kind))
        await pilot.press("ctrl+s", "enter")
        await until(pilot, lambda: len(written("csv")) == 2)
        (tmp_path / "closed").mkdir()
        monkeypatch.setattr("ipcm_tui.app.write_export", refuse)
        await pilot.press("ctrl+s", "enter")
        await until(pilot, lambda: "not written: disk full" in screen(app))

    def refuse(*given: object) -> None:
        raise OSError(28, "disk full")

    drive(app, script, (110, 40))
    assert "indexer" in min(written("csv"), key=len and str).read_text()
    assert [row["name"] for row in json.loads(written("json")[0].read_text())][2] == "store"
    lines = written("jsonl")[0].read_text().splitlines()
    assert json.loads(lines[-1])["what"] == "duplicates"
    assert written("svg")[0].read_text().startswith("<svg")


def test_a_line_for_every_verb_completes_and_says_what_is_wrong(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, CommandScreen))
        line = app.screen.query_one("#line", Input)
        await pilot.press(*"desc", "tab")
        await until(pilot, lambda: line.value == "describe ")
        await pilot.press(*"sto", "tab")
        await until(pilot, lambda: line.value == "describe store ")
        line.value = "frob"
        await until(pilot, lambda: "^ no verb 'frob'" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: screen(app).count("no verb 'frob'") >= 2)
        line.value = "tail 漢字 --frob"
        await until(pilot, lambda: "^ tail has no option --frob" in screen(app))
        lines = screen(app).splitlines()
        typed = next(each for each in lines if "tail 漢字" in each)
        below = next(each for each in lines if "^ tail" in each)
        assert below.index("^") == cell_len(typed[: typed.index("--frob")])
        line.value = "demo"
        await pilot.press("enter")
        await until(pilot, lambda: "wants a terminal of its own" in screen(app))
        line.value = "tail"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrafficScreen))

    drive(app, script, (110, 40))


def test_what_a_verb_gives_is_read_from_its_top(
    app: ConsoleApp, drive: Any, until: Any, screen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: Any) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("colon", *"help", "enter")
        await until(pilot, lambda: "$ ipcm help" in screen(app) and "Look" in screen(app))
        log = app.screen.query_one("#output", RichLog)
        await until(pilot, lambda: log.max_scroll_y > 0 and log.scroll_y == 0)
        await pilot.press("pagedown", "pagedown", "pagedown")
        await until(pilot, lambda: log.scroll_y == log.max_scroll_y)
        app.screen.query_one("#line", Input).value = "help call"
        await pilot.press("enter")
        await until(pilot, lambda: "SERVICE" in screen(app) and "$ ipcm help call" in screen(app))
        with monkeypatch.context() as patched:
            patched.setattr(os, "pipe", none_left)
            await pilot.press("enter")
            await until(pilot, lambda: "Too many open files" in screen(app))

    drive(app, script, (100, 18))


def test_what_a_verb_says_while_its_screen_goes_is_for_nobody(
    app: ConsoleApp, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, CommandScreen))
        command = app.screen
        assert isinstance(command, CommandScreen)
        await command.query("#output").remove()
        assert command.is_attached
        command._print([("late", "")])

    drive(app, script, (110, 40))


def test_keys_can_be_others_and_the_palette_has_every_verb(
    make_app: Any, drive: Any, until: Any, screen: Any
) -> None:
    app = make_app(keymap={"terminate": "f8"})

    async def script(pilot: Pilot[int]) -> None:
        await choose(pilot, "store")
        await pilot.press("t", "ctrl+d")
        assert len(app.screen_stack) == 1
        await pilot.press("f8")
        await until(pilot, lambda: "Terminate store?" in screen(app))
        await pilot.press("escape")
        listed = list(app.get_system_commands(app.screen))
        commands = {each.title: each for each in listed}
        assert len(listed) == len(commands), "each action once, with all of its keys"
        assert commands["Leave"].help == "key ^q, q"
        assert {f"ipcm {name}" for name in ("ls", "ps", "call", "kill", "tail")} <= set(commands)
        await commands["Find text in the traffic"].callback()  # type: ignore[misc]
        await until(pilot, lambda: "text in the traffic" in screen(app))
        await pilot.press("escape", "ctrl+p", *"ipcm call")
        # The palette looks for it a little later, and Enter is for what it has found.
        await until(pilot, lambda: found(app) == "ipcm call")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CommandScreen))
        assert app.screen.query_one("#line", Input).value == "call "
        assert not app.screen.query(OptionList).filter("#actions")

    drive(app, script, (110, 40))
