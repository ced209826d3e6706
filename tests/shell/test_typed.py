"""What is said of a text while it is typed."""

from __future__ import annotations

from typing import Any

import pytest

from ipcm.console.completer import complete
from ipcm.shell.session import Session
from ipcm.shell.typed import Typed
from ipcm.shell.voice import ScriptVoice
from tests.console.still import Still


class Changing(Still):
    version = 0


@pytest.fixture
def typed() -> Typed:
    return Typed(Session(None, ScriptVoice()), Changing())


def said(typed: Typed, text: str) -> str:
    _, problems = typed.at(text, len(text))
    return problems[0].text if problems else ""


@pytest.mark.parametrize(
    "text",
    ["ter", "ps --so", "ps --sort ra", "kill sto", "call store sea", "call store search lim",
     'request store search {"text": "a", "mode": "al', "signal store HU"],
)  # fmt: skip
def test_what_is_begun_is_not_wrong_yet(typed: Typed, text: str) -> None:
    _, problems = typed.at(text, len(text))
    assert all(problem.kind in ("missing", "open") for problem in problems)
    assert not {"wrong", "doubt"} & set(typed.styles(text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("terq", "no verb"),
        ("ps --sox", "no option"),
        ("ps --sort=x", "is one of"),
        ("kill stoer", "no peer"),
        ("kill sto ", "no peer"),
        ("call store search lim ", "not KEY=VALUE"),
    ],
)
def test_what_cannot_become_right_is(typed: Typed, text: str, problem: str) -> None:
    assert problem in said(typed, text)


def test_the_statement_at_the_cursor_or_the_one_that_is_wrong(typed: Typed) -> None:
    text = "tial\nps\n"
    statement, problems = typed.at(text, 6)
    assert problems and problems[0].text.startswith("no verb")
    statement, problems = typed.at("ps\nls", 1)
    assert statement is not None and statement.verb is not None and statement.verb.name == "ps"
    assert typed.at("", 0) == (None, [])
    assert typed.open("request store {") and not typed.open("ps")


def test_what_is_pasted_is_completed_once_and_not_for_every_line(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counting(text: str, cursor: int, *args: Any, **options: Any) -> Any:
        asked.append(cursor)
        return complete(text, cursor, *args, **options)

    monkeypatch.setattr("ipcm.shell.typed.complete", counting)
    text = "kill stoer\n" * 30 + "ter"
    styles = typed.styles(text)
    assert asked == [len(text)]
    assert styles[5:10] == ["doubt"] * 5
    assert not {"wrong", "doubt"} & set(styles[-3:])
