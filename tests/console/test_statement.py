"""Lines understood: what is wrong with them, and where."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.presence import PeerKind
from ipcm.console.live import Description, read_description
from ipcm.console.references import Last
from ipcm.console.registry import NAMES, SESSION_NAMES, get_verb
from ipcm.console.statement import Statement, check, understand
from ipcm.console.words import Problem, lex
from ipcm.role.endpoints import Endpoint
from tests.console.still import Still, search

VERBS = {name: get_verb(name) for name in (*NAMES, *SESSION_NAMES)}
# Where JSON has a comma too many: at what should not follow, or, from Python 3.13 on, at the comma.
TRAILING = "}" if sys.version_info < (3, 13) else ","
LAST = Last.of({"files": ["a.txt", "b c"], "name": "store", "count": 3, "query": {"text": "x"}})


def said(text: str, last: Last | None = LAST) -> Statement:
    return understand(lex(text), VERBS, last=last)


def values(text: str) -> dict[str, Any]:
    statement = said(text)
    assert statement.wrong is None, statement.problems
    assert statement.reading is not None
    return statement.reading.values


def first(text: str) -> tuple[str, str, Problem]:
    """The first problem: its text, what it marks, and itself."""
    found = check(said(text), Still())
    assert found, f"nothing is wrong with {text!r}"
    return found[0].text, text[found[0].start : found[0].end], found[0]


@pytest.mark.parametrize(
    ("text", "marked", "problem"),
    [
        ("tial -n 3", "tial", "no verb 'tial': did you mean 'tail'?"),
        ("tail -n x", "x", "a whole number"),
        ("ps --sort odd", "odd", "--sort is one of"),
        ('request store search {"text": "a",}', TRAILING, "no JSON"),
        ('request store search {"text": "a", 5}', "5", "no JSON"),
        ("request store search '{\"text\": tru}'", "t", "no JSON: expecting value"),
        ("request store search {\n\"text\": nul}", "n", "no JSON: expecting value"),
        ("request store search [1]", "[1]", "are a JSON object"),
        ("request store {} x", "x", "nothing can follow the payload"),
        ("request store tru.e", "t", "no JSON"),
        ("call store search text", "text", "not KEY=VALUE"),
        ("call store search text=a text=b", "text", "text is given twice"),
        ("call store search limit:=x text=a", "x", "no JSON"),
        ("call stoer search limit:=x", "x", "no JSON"),
        ("request store [1 2]", "2", "no JSON: expecting ','"),
        ("request store -1", "-1", "a number below zero stands behind --"),
        ("signal store HOP", "HOP", "HOP"),
        ("ps > a b", "b", "nothing can follow the file"),
        ("ps --filter 'p95>20ms and sate=busy'", "sate=busy'", "no field 'sate'"),
        ("tail --filter='latency>x'", "x'", "the filter"),
    ],
)  # fmt: skip
def test_what_is_wrong(text: str, marked: str, problem: str) -> None:
    found, mark, whole = first(text)
    assert (mark, whole.kind) == (marked, "wrong") and problem in found


@pytest.mark.parametrize(
    ("text", "marked", "problem"),
    [
        ("call stoer search", "stoer", "no peer named 'stoer'"),
        ("call console x", "console", "is a client, no service"),
        ("kill store nobody", "nobody", "no peer named 'nobody'"),
        ("call store find", "find", "no endpoint 'find'; it has search"),
        ("request store find", "find", "no endpoint"),
        ("call store search text=5", "text=5", "string is wanted, not 5"),
        ("call store search text=a limt=5", "limt=5", "no parameter 'limt'"),
        ('request store search {"text": "a", "limit": "x"}', '"x"', "integer is wanted"),
        ('request store search {"text": "a", "mode": "odd"}', '"odd"', 'one of "all"'),
        ('request store search {"limit": 1}', '{"limit": 1}', "text missing"),
    ],
)
def test_what_is_doubtful(text: str, marked: str, problem: str) -> None:
    found, mark, whole = first(text)
    assert (mark, whole.kind) == (marked, "doubt") and problem in found
    assert said(text).wrong is None, "it can be sent all the same"


@pytest.mark.parametrize(
    ("text", "problem"),
    [("call", "SERVICE is missing"), ("call store search", "text missing"),
     ("request store search", "text missing"), ("request store", "an endpoint, or a payload"),
     ("ps -o", "needs a value"), ("-b", "--bus needs a value"), ("-b x", "a verb is missing"),
     ("ipcm", "a verb is missing"), ("call store search text=a limit:=", "no JSON")],
)  # fmt: skip
def test_what_is_missing(text: str, problem: str) -> None:
    found, _, whole = first(text)
    assert problem in found and (whole.start, whole.kind) == (len(text), "missing")


@pytest.mark.parametrize(
    "text",
    ["ps", "ps | jq .", "ps > x", "# only this", "call store search text=a limit=5",
     'request store search {"text": "a"}', "request store '\"text\"'", "request store 5",
     "request console [1, 2]", "request store search @file", "request store -", "help call",
     "call store search $_.name --timeout 5 --help", "request store search $_.query",
     "describe $_.files.0", "call -b other far x", "signal store 15", "attach demo"],
)  # fmt: skip
def test_what_is_fine(text: str) -> None:
    assert check(said(text), Still()) == []


def test_where_nobody_is_it_is_not_known_who_will_be() -> None:
    class Empty(Still):
        def peers(self) -> dict[str, PeerKind]:
            return {}

    assert check(said("describe nobody"), Empty()) == []


def test_a_service_that_describes_itself_without_end_is_not_checked() -> None:
    class Endless(Still):
        def description(self, service: str) -> Description | None:
            loop = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}
            about = Endpoint.of("search", search).describe() | {"parameters": loop}
            return read_description({"name": "store", "endpoints": [about]})

    assert check(said("call store search text=a"), Endless()) == []


def test_what_a_reference_stands_for() -> None:
    assert values("describe $_.name")["service"] == "store"
    assert values("request store $_.name")["endpoint"] == '"store"'
    assert values("request store search $_.query")["json"] == '{"text":"x"}'
    assert values('request store search {"text": $_.files.1}')["json"] == '{"text": "b c"}'
    assert values("call store search text=$_.files.1 limit=$_.count")["arguments"] == (
        'text="b c"', "limit=3",
    )  # fmt: skip
    assert values("request store $_")["endpoint"].startswith('{"files"')
    assert values("describe '$_.name'")["service"] == "$_.name"
    assert values("call store search --timeout=$_.count text=a")["arguments"] == ("text=a",)


@pytest.mark.parametrize(
    ("path", "problem"),
    [("$_.none", "$_ has no 'none'; it has 'files', 'name'"),
     ("$_.files.2", "$_.files is a list of 2, and has no '2'"),
     ("$_.count.x", "$_.count is 3, which has no parts")],
)  # fmt: skip
def test_what_a_reference_cannot_find(path: str, problem: str) -> None:
    text = f"describe {path}"
    (found,) = said(text).problems
    assert problem in found.text and text[found.start : found.end] == path
    (found,) = said("describe $_", None).problems
    assert "there is none yet" in found.text


@pytest.mark.parametrize(
    ("text", "bus", "output"),
    [
        ("-b demo tail -n 3", "demo", None),
        ("--bus demo -o csv tail -n 3", "demo", "csv"),
        ("-bdemo -ocsv tail -n 3", "demo", "csv"),
        ("--bus=demo --output=csv tail -n 3 -o json", "demo", "json"),
        ("ipcm -b demo tail -n 3", "demo", None),
    ],
)
def test_what_may_stand_before_the_verb(text: str, bus: str, output: str | None) -> None:
    statement = said(text)
    assert statement.wrong is None
    assert statement.name is not None
    assert text[statement.name.start : statement.name.end] == "tail"
    assert statement.reading is not None
    assert statement.reading.values["count"] == 3
    assert statement.reading.common.bus == bus
    assert statement.reading.common.output == output


@pytest.mark.parametrize("text", ["--help", "-h", "-h ps"])
def test_help_without_a_verb_is_the_verb_help(text: str) -> None:
    statement = said(text)
    assert statement.wrong is None
    assert statement.verb is VERBS["help"]


def test_a_quote_that_is_not_closed_is_what_is_wrong() -> None:
    for text in ("'ps", "'tia"):
        assert [each.text for each in said(text).problems] == ["' is not closed"]
    assert [each.start for each in said("tial 'x").problems] == [0, 5]
    assert [each.start for each in said("tail -n x 'y").problems] == [8, 10]


def test_the_first_that_is_wrong_keeps_a_line_from_being_run() -> None:
    for text, problem in (("tial", "no verb 'tial'"), ("ps -o", "needs a value")):
        wrong = said(text).wrong
        assert wrong is not None and problem in wrong.text


def test_help_is_no_error() -> None:
    assert said("call --help").wrong is None and said("ps -h --odd").wrong is None


PIECES = """call request store search { "text" : } [ ] $_ .files = text= ' -o -- | > $_.name , 5"""


@given(st.lists(st.sampled_from([*PIECES.split(), " ", "\n"]), max_size=12))
def test_any_line_can_be_checked(pieces: list[str]) -> None:
    text = "".join(pieces)
    line = lex(text)
    for last in (None, LAST):
        for problem in check(understand(line, VERBS, last=last), Still()):
            assert 0 <= problem.start <= problem.end <= len(text) and problem.text
