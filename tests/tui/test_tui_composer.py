"""The composer: judged as one types, sent, answered."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, TextArea

from ipcm.errors import Backpressure, RemoteError
from ipcm.message import Response
from ipcm_tui.app import ConsoleApp
from ipcm_tui.screens.composer import ComposerScreen

SEARCH = {
    "name": "search",
    "signature": "search(text: str, limit: int = 10)",
    "doc": "Full-text search.\n\nMore.",
    "parameters": {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"properties": {"text": {"type": "string"}}, "required": ["text"]}},
    },
}


@pytest.fixture
def described(demo_bus: Any) -> Any:
    demo_bus.descriptions["store"] = {"endpoints": [SEARCH, {"name": "stats"}]}
    return demo_bus


async def open_for(pilot: Pilot[int], until: Any, name: str) -> None:
    app: Any = pilot.app
    await until(pilot, lambda: app.query_one("#peers").row_count == 4)
    while app.query_one("#peers").selected.name != name:
        await pilot.press("down")
    await pilot.press("s")
    await until(pilot, lambda: isinstance(app.screen, ComposerScreen))


def test_an_endpoint_is_asked_and_answers(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any, clock: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        assert app.screen.query_one("#peer", Input).value == "store"
        await until(pilot, lambda: "endpoints: search · stats" in screen(app))
        await pilot.press(*"sea", "right")
        await until(pilot, lambda: app.screen.query_one("#endpoint", Input).value == "search")
        await until(pilot, lambda: "search(text: str, limit: int = 10)" in screen(app))
        assert "Full-text search." in screen(app)
        assert app.screen.query_one(TextArea).text == '{"text": ""}'
        await pilot.press("ctrl+j")
        await until(pilot, lambda: "waiting for the answer" in screen(app))
        payload = {"endpoint": "search", "args": {"text": ""}}
        assert list(described.requests.values()) == [("store", payload)]
        await pilot.press("ctrl+j")
        assert len(described.requests) == 1, "one at a time"
        clock.advance(0.0123)
        described.responses[1000] = Response(1000, {"hits": [1, 2], "ü": None})
        described.wake()
        await until(pilot, lambda: "✓ answered in 12ms" in screen(app))
        assert '"hits": [' in screen(app) and '"ü": null' in screen(app)
        await pilot.press("ctrl+j")
        await until(pilot, lambda: len(described.requests) == 2)

    drive(app, script)


def test_a_raw_payload_to_a_peer_without_endpoints(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "notebook")
        assert "no endpoints known" in screen(app)
        await pilot.press("tab", *"[1,2")
        await until(pilot, lambda: "JSON: column 5" in screen(app))
        assert app.screen.query_one("#send", Button).disabled
        await pilot.press("ctrl+j")
        assert described.requests == {}
        await pilot.press("]")
        await until(pilot, lambda: "✓ sends [1, 2]" in screen(app))
        await pilot.press("ctrl+j")
        assert described.requests == {1000: ("notebook", [1, 2])}

    drive(app, script, (120, 40))


def test_a_service_that_does_not_describe_itself_shows_what_was_asked_before(
    app: ConsoleApp, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        await until(pilot, lambda: "endpoints: duplicates · search · stats" in screen(app))
        await pilot.press(*"nope")
        await until(pilot, lambda: "store offers no 'nope'" in screen(app))
        assert not app.screen.query_one("#send", Button).disabled

    drive(app, script)


def test_enter_goes_on_and_then_sends(
    app: ConsoleApp, described: Any, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        await pilot.press("shift+tab", "enter", *"stats", "enter")
        await until(pilot, lambda: described.requests)
        assert described.requests[1000] == ("store", {"endpoint": "stats", "args": {}})

    drive(app, script)


def test_what_was_typed_is_not_overwritten_by_a_form(
    app: ConsoleApp, described: Any, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        body = app.screen.query_one(TextArea)
        body.text = '{"mine": 1}'
        await pilot.press(*"search")
        await pilot.pause()
        assert body.text == '{"mine": 1}'

    drive(app, script)


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (Response(1000, None, "no such table", RemoteError("store", "no such table")), "no such t"),
        (Response(1000, None, "", RemoteError("store", "")), "store:"),
    ],
)
def test_a_failure_is_shown(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any,
    response: Response, text: str,
) -> None:  # fmt: skip
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        await pilot.press(*"stats", "enter")
        described.responses[1000] = response
        described.wake()
        await until(pilot, lambda: "✗ failed after" in screen(app) and text in screen(app))

    drive(app, script)


def test_what_cannot_be_sent_says_why(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        described.failure = Backpressure("store", 100, 50)
        await pilot.press(*"stats", "enter")
        await until(pilot, lambda: "✗ not sent" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: described.requests)

    drive(app, script)


def test_odd_answers_are_shown_as_they_are(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        for id, (payload, text) in enumerate(
            [(b"\x00raw", "b'"), ("[bold]x[/]\x1b[31m", "[bold]x[/]"), ("y" * 30_000, "more)")]
        ):
            await pilot.press("ctrl+j") if id else await pilot.press(*"stats", "enter")
            await until(pilot, lambda id=id: len(described.requests) == id + 1)
            described.responses[1000 + id] = Response(1000 + id, payload)
            described.wake()
            await until(pilot, lambda: "✓ answered" in screen(app))
            if text == "more)":
                app.screen.query_one("#answer").scroll_end(animate=False)
            await until(pilot, lambda text=text: text in screen(app))

    drive(app, script)


def test_leaving_keeps_the_draft_and_forgets_the_answer(
    app: ConsoleApp, described: Any, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        await pilot.press(*"stats", "enter")
        await until(pilot, lambda: app.asker.waiting)
        await pilot.press("escape")
        assert len(app.screen_stack) == 1 and not app.asker.waiting
        described.responses[1000] = Response(1000, "late")
        described.wake()
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
        assert app.screen.query_one("#endpoint", Input).value == "stats"
        await pilot.press("escape", "up", "s")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
        assert app.screen.query_one("#peer", Input).value == "probe"
        assert app.screen.query_one("#endpoint", Input).value == "", "another peer, another draft"

    drive(app, script)


def test_the_peer_left_while_one_typed(
    app: ConsoleApp, described: Any, drive: Any, until: Any, screen: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        described.leave("store")
        await until(pilot, lambda: "store" not in app.asker.peer_names())
        await pilot.press(*"stats", "enter")
        await until(pilot, lambda: "nobody is called 'store' here" in screen(app))
        assert described.requests == {}

    drive(app, script)


def test_the_mouse_sends_and_closes(
    app: ConsoleApp, described: Any, drive: Any, until: Any
) -> None:
    async def script(pilot: Pilot[int]) -> None:
        await open_for(pilot, until, "store")
        await pilot.press(*"stats")
        await pilot.click("#send")
        await until(pilot, lambda: described.requests)
        await pilot.click("#close")
        await until(pilot, lambda: len(app.screen_stack) == 1)

    drive(app, script, (120, 40))
