"""The composer: judged as one types, sent, answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static, TextArea

from ipcm.errors import Backpressure, IPCMError, RemoteError
from ipcm_tui.app import ConsoleApp
from ipcm_tui.history import History
from ipcm_tui.models.compose import Draft
from ipcm_tui.screens.composer import ComposerScreen
from ipcm_tui.screens.pair import PairScreen
from ipcm_tui.widgets.offer_list import OfferList
from ipcm_tui.widgets.parameter_form import ParameterForm

SEARCH = {
    "name": "search",
    "signature": "search(text: str, limit: int = 10)",
    "doc": "Full-text search.\n\nArgs:\n    text: words to look for.",
    "parameters": {
        "$ref": "#/$defs/a",
        "$defs": {
            "a": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "limit": {"type": "integer", "default": 10},
                },
                "required": ["text"],
                "additionalProperties": False,
            }
        },
    },
}


@pytest.fixture
def described(demo_bus: Any) -> Any:
    demo_bus.descriptions["store"] = {
        "name": "store",
        "endpoints": [SEARCH, {"name": "stats"}],
    }
    return demo_bus


async def open_for(pilot: Pilot[int], until: Any, name: str) -> ComposerScreen:
    app: Any = pilot.app
    table = app.screen.query_one("#peers")
    await until(pilot, lambda: table.row_count() == 4)
    while table.selected.name != name:
        await pilot.press("down")
    await pilot.press("s")
    await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
    screen = app.screen
    assert isinstance(screen, ComposerScreen)
    await until(pilot, lambda: screen.query_one("#peer", Input).value == name)
    return screen


def test_an_endpoint_is_completed_filled_in_asked_and_answers(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any, clock: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        composer = await open_for(pilot, until, "store")
        await until(pilot, lambda: "endpoints: search · stats" in screen(app))
        await pilot.press(*"srch")
        await until(pilot, lambda: composer.query_one(OfferList).chosen == "search")
        await pilot.press("tab")
        await until(pilot, lambda: composer.query_one("#endpoint", Input).value == "search")
        await until(pilot, lambda: "search(text: str, limit: int = 10)" in screen(app))
        await until(pilot, lambda: "words to look for." in screen(app))
        assert "*text: str" in screen(app) and "10, if left empty" in screen(app)
        form = composer.query_one(ParameterForm)
        form.focus_first()
        await pilot.press(*"fork", "tab", *"many")
        await until(pilot, lambda: "✗ int, as JSON" in screen(app))
        await pilot.press(*["backspace"] * 4, "7")
        await until(pilot, lambda: '{"text": "fork", "limit": 7}' in screen(app))
        await pilot.press("ctrl+j")
        await until(pilot, lambda: "waiting for the answer" in screen(app))
        payload = {"endpoint": "search", "args": {"text": "fork", "limit": 7}}
        await until(pilot, lambda: described.requests == [("store", payload)])
        await pilot.press("ctrl+j")
        assert len(described.requests) == 1, "one at a time"
        clock.advance(0.0123)
        described.answers.append({"hits": [1, 2], "ü": None})
        await until(pilot, lambda: "✓ answered in 12ms" in screen(app))
        assert '"hits": [' in screen(app) and '"ü": null' in screen(app)

        # The other way to write the same.
        await pilot.press("ctrl+t")
        body = composer.query_one(TextArea)
        await until(pilot, lambda: body.display)
        assert '"text": "fork"' in body.text
        body.text = '{"text": "spoon", "more": 1}'
        await until(pilot, lambda: "! more: no parameter 'more'" in screen(app))
        body.text = '{"text": "spoon"}'
        await pilot.press("ctrl+t")
        await until(pilot, lambda: form.display and form.texts() == {"text": "spoon", "limit": ""})

    drive(app, script, (100, 40))


def test_a_value_that_cannot_be_read_is_not_left_out_of_what_is_sent(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any
) -> None:
    limit = {"enum": ["all", "first"], "default": "all"}
    body = SEARCH["parameters"]["$defs"]["a"]  # type: ignore[index]
    properties = {**body["properties"], "which": limit}
    parameters = {**body, "properties": properties}
    described.descriptions["store"]["endpoints"] = [{**SEARCH, "parameters": parameters}]

    async def script(pilot: Pilot[int]) -> None:
        composer = await open_for(pilot, until, "store")
        await pilot.press(*"search")
        await until(pilot, lambda: "words to look for." in screen(app))
        composer.query_one(ParameterForm).focus_first()
        await pilot.press(*"fork", "tab", *"many")
        await until(pilot, lambda: "✗ limit: int, as JSON" in screen(app))
        assert composer.query_one("#send", Button).disabled
        await pilot.press("ctrl+j")
        assert described.requests == []
        await pilot.press(*["backspace"] * 4, "tab", *"none")
        await until(pilot, lambda: '✗ which: one of "all", "first"' in screen(app))
        assert "JSON:" not in screen(app)
        await pilot.press(*["backspace"] * 4, *"first")
        await until(pilot, lambda: not composer.query_one("#send", Button).disabled)
        # Another endpoint is judged by what stands there for it, not by this form.
        await pilot.press("tab")
        composer.query_one("#endpoint", Input).value = "other"
        await until(pilot, lambda: "offers no 'other'" in screen(app))
        assert composer.query_one(TextArea).text == ""
        await pilot.press("ctrl+j")
        await until(pilot, lambda: described.requests)
        assert described.requests == [("store", {"endpoint": "other", "args": {}})]

    drive(app, script, (100, 40))


def test_a_form_can_be_used_while_the_one_before_it_still_goes(
    app: ConsoleApp, described: Any, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        composer = await open_for(pilot, until, "store")
        await pilot.press(*"search")
        form = composer.query_one(ParameterForm)
        await until(pilot, lambda: form.display)
        before = list(form.children)
        form.build(form.fields, {"text": "spoon"})
        while any(line.is_attached for line in before):
            form.complain({"text": "no such word"})
            assert form.texts() == {"text": "spoon", "limit": ""}
            await asyncio.sleep(0)

    drive(app, script, (100, 40))


def test_what_is_said_of_a_field_is_not_said_again_for_each_key(
    app: ConsoleApp, described: Any, drive: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []

    def update(self: Static, content: Any = "", *, layout: bool = True) -> None:
        if self.has_class("doc"):
            said.append(content)
        real(self, content, layout=layout)

    real = Static.update
    monkeypatch.setattr(Static, "update", update)

    async def script(pilot: Pilot[int]) -> None:
        composer = await open_for(pilot, until, "store")
        await pilot.press(*"search")
        form = composer.query_one(ParameterForm)
        await until(pilot, lambda: form.display)
        form.focus_first()
        await pilot.press("tab", *"many many")
        await until(pilot, lambda: form.texts()["limit"] == "many many")
        assert said == ["✗ int, as JSON: expecting value"]

    drive(app, script, (100, 40))


def test_a_long_verdict_stays_on_its_line_and_says_that_there_is_more(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any
) -> None:
    name = "s" * 100
    described.join(name, 4250)
    described.descriptions[name] = {"name": name, "endpoints": [{"name": "stats"}]}

    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: name[:6] in screen(app))
        await pilot.press("s", "shift+tab")
        peer = app.screen.query_one("#peer", Input)
        peer.value = name
        await until(pilot, lambda: "endpoints: stats" in screen(app))
        app.screen.query_one("#endpoint", Input).value = "nope"
        await until(pilot, lambda: "! ssssssssss" in screen(app))
        (line,) = [each for each in screen(app).splitlines() if "! sss" in each]
        assert "…" in line

    drive(app, script)


def test_a_raw_payload_to_a_peer_without_endpoints(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        composer = await open_for(pilot, until, "notebook")
        assert "no endpoints known" in screen(app)
        await pilot.press("tab", *"[1,2")
        await until(pilot, lambda: "JSON: column 5" in screen(app))
        assert composer.query_one("#send", Button).disabled
        await pilot.press("ctrl+j")
        assert described.requests == []
        await pilot.press("]")
        await until(pilot, lambda: "✓ sends [1, 2]" in screen(app))
        await pilot.click("#send")
        await until(pilot, lambda: described.requests == [("notebook", [1, 2])])
        await pilot.click("#close")
        await until(pilot, lambda: len(app.screen_stack) == 1)

    drive(app, script, (120, 40))


def test_a_service_that_does_not_describe_itself_shows_what_was_asked_before(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        composer = await open_for(pilot, until, "store")
        await until(pilot, lambda: "endpoints: duplicates · search · stats" in screen(app))
        await pilot.press(*"nope")
        await until(pilot, lambda: "store offers no 'nope'" in screen(app))
        assert not composer.query_one("#send", Button).disabled

    drive(app, script, (100, 40))


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (RemoteError("store", "no such table"), "✗ failed after"),
        (Backpressure("store", 100, 50), "✗ not sent"),
        (b"\x00raw", "b'"),
        ("[bold]x[/]\x1b[31m", "[bold]x[/]"),
        ("y" * 30_000, "more)"),
    ],
    ids=["error", "full", "bytes", "markup", "long"],  # a name is in the environment of children
)
def test_any_end_is_shown_as_it_is(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any, answer: Any, text: str
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        composer = await open_for(pilot, until, "store")
        if isinstance(answer, Backpressure):
            described.failure = answer
        else:
            described.answers.append(answer)
        await pilot.press(*"stats", "enter")
        if text == "more)":
            await until(pilot, lambda: "answered in" in screen(app))
            composer.query_one("#answer").scroll_end(animate=False)
        await until(pilot, lambda: text in screen(app))
        if isinstance(answer, IPCMError):
            assert "store" in screen(app)

    drive(app, script)


def test_drafts_are_kept_recalled_and_their_answers_forgotten(
    make_app: Any, described: Any, drive: Any, until: Any
) -> None:
    history = History()
    history.add(Draft("probe", "", "[1]"))
    app = make_app(history=history)

    async def script(pilot: Pilot[int]) -> None:
        composer = await open_for(pilot, until, "store")
        await pilot.press(*"stats", "enter")
        await until(pilot, lambda: described.requests)
        assert [each.peer for each in history.drafts] == ["probe", "store"]
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        described.answers.append("late")
        composer = await open_for(pilot, until, "store")
        endpoint = composer.query_one("#endpoint", Input)
        assert endpoint.value == "stats"
        await pilot.press("ctrl+up", "ctrl+up")
        await until(pilot, lambda: composer.query_one("#peer", Input).value == "probe")
        assert composer.query_one(TextArea).text == "[1]" and endpoint.value == ""
        await pilot.press("ctrl+down")
        await until(pilot, lambda: endpoint.value == "stats")
        described.leave("store")
        await until(pilot, lambda: "store" not in app.session.asker.peer_names())
        before = len(described.requests)
        await pilot.press("ctrl+j")
        assert len(described.requests) == before

    drive(app, script, (100, 40))


def test_a_row_of_traffic_is_sent_again_or_edited_first(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "duplicates" in screen(app))
        await pilot.press("r")
        await until(pilot, lambda: "the traffic is held" in screen(app))
        assert not described.requests, "whatever was the newest at that moment"
        await pilot.press("up", "r")
        await until(pilot, lambda: described.requests)
        assert described.requests == [("store", {"endpoint": "search", "args": {}})]
        described.answers.append(5)
        await until(pilot, lambda: "store search: answered in" in screen(app))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
        assert app.screen.query_one("#endpoint", Input).value == "search"
        await pilot.press("escape", "enter")
        await until(pilot, lambda: "r sends it again" in screen(app))
        row = app.screen_stack[0].row()  # type: ignore[attr-defined]
        row.preview = '{"endpoint": "search", "args": {"te...'
        await pilot.press("r")
        await until(pilot, lambda: "only the beginning of it is known" in screen(app))
        await pilot.press("escape")
        row.kind = "error"
        await pilot.press("enter")
        await until(pilot, lambda: "y copies" in screen(app))
        assert "r sends it again" not in screen(app)
        await pilot.press("r")
        assert isinstance(app.screen, PairScreen)

    drive(app, script, (110, 40))
