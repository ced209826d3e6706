"""What stands under the prompt, and the colours of what is typed."""

from __future__ import annotations

import pytest

from ipcm.console.registry import NAMES, get_verb
from ipcm.console.statement import Statement, check, understand
from ipcm.console.words import Problem, lex, statements
from ipcm.shell.colour import STYLE, paint
from ipcm.shell.feed import Figures
from ipcm.shell.toolbar import BarState, Fragments, bar, hint
from tests.console.still import Still

VERBS = {name: get_verb(name) for name in NAMES}


def read(text: str) -> list[tuple[Statement, list[Problem]]]:
    found = [understand(line, VERBS) for line in statements(text)]
    return [(each, check(each, Still())) for each in found]


def plain(fragments: Fragments) -> str:
    return "".join(text for _, text in fragments)


def state(**changes: object) -> BarState:
    values = {
        "bus": "demo", "gone": False, "figures": Figures(3, 1, 0, 12.25), "flashes": (),
        "dropped": 0, "format": None, "following": False, "vi": False, "read_only": False,
    }  # fmt: skip
    return BarState(**{**values, **changes})  # type: ignore[arg-type]


def test_the_bar() -> None:
    assert plain(bar(state())) == (
        " demo | 3 peers | 1 open | 0 errors | 12.2/s | 0 dropped | F2 auto | F3 follow | F4 emacs"
    )
    text = plain(bar(state(gone=True, read_only=True, format="csv", following=True, vi=True)))
    assert text.startswith(" demo has ended | read-only | ")
    assert text.endswith("F2 csv | F3 following | F4 vi")
    assert plain(bar(state(bus=None))).startswith(" no bus | ")


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (90, " demo | 31 peers | 0 open | 34962 errors | 71.0/s | F2 auto | F3 follow | F4 emacs"),
        (80, " demo | 31 peers | 34962 errors | 71.0/s | F2 auto | F3 follow | F4 emacs"),
        (50, " demo | 31 peers | 34962 errors | F2 auto"),
        (30, " demo | 34962 errors"),
        (4, " demo"),
    ],
)
def test_where_there_is_not_the_room_for_all(room: int, shown: str) -> None:
    assert plain(bar(state(figures=Figures(31, 0, 34962, 71.0)), room)) == shown


def test_who_came_and_who_left() -> None:
    fragments = bar(state(flashes=("+a", "-b\x1b")))
    assert "3 peers +a -b\\x1b |" in plain(fragments)
    assert ("class:bar.good", "+a") in fragments
    many = plain(bar(state(flashes=tuple(f"+{n}" for n in range(9)))))
    assert "+6 +7 +8 and 6 more" in many and "+5" not in many


@pytest.mark.parametrize(
    ("text", "style", "shown"),
    [
        ("", "hint", "help lists the verbs"),
        ("tial", "hint.wrong", "no verb 'tial'"),
        ("call nobody x", "hint.doubt", "no peer named"),
        ("ps", "hint", "List the services and peers"),
        ("call store", "hint", "ENDPOINT is missing"),
        ("call store search text=a", "hint", "search(text: str"),
        ("call store search", "hint", "text missing; search(text: str"),
    ],
)
def test_the_hint(text: str, style: str, shown: str) -> None:
    known = read(text)
    statement, problems = known[0] if known else (None, [])
    ((found, line),) = hint(statement, problems, Still())
    assert found == f"class:{style}" and shown in line


def test_colours() -> None:
    text = (
        'kill store --timeout=5 -y # all\nrequest store search {"text": "a", "limit": 5} | jq\n'
        "call store search text=a odd=$_ | x\ntial"
    )
    styles = paint(text, read(text))
    assert len(styles) == len(text) and set(styles) <= {*STYLE, ""}

    def of(part: str) -> str:
        return styles[text.index(part)]

    assert of("kill") == "verb.destructive" and of("request") == "verb" and of("tial") == "wrong"
    assert of("--timeout") == "option" and of("5 -y") == "value" and of("# all") == "comment"
    assert of('"text"') == "json.key" and of('"a"') == "json.string" and of("5}") == "json.number"
    assert of("| jq") == "pipe" and of("text=a") == "parameter"


@pytest.mark.parametrize("text", ["", "\n\n", "ps |", '{"', "call store x 'a\nb'", "\\"])
def test_any_text_has_colours(text: str) -> None:
    assert len(paint(text, read(text))) == len(text)
    assert lex(text)
