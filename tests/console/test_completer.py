"""What is offered while one types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.completer import Completion, complete
from ipcm.console.live import Description, Live, read_description
from ipcm.console.references import Last
from ipcm.console.registry import NAMES
from ipcm.console.words import lex
from tests.console.still import Still


def offers(text: str, live: Live | None = None) -> list[Completion]:
    return complete(text, len(text), live or Still())


def texts(text: str) -> list[str]:
    return [each.text for each in offers(text)]


def completed(text: str) -> str:
    """The line with the first completion put in."""
    first = offers(text)[0]
    return text[: first.start] + first.text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("te", "terminate"),
        ("trm", "terminate"),
        ("call st", "call store"),
        ("call prb", "call probe"),
        ("call store sear", "call store search"),
        ("call store search te", "call store search text="),
        ("call store search text=x de", "call store search text=x deep="),
        ("call store search deep=t", "call store search deep=true"),
        ("call store search mode=any", "call store search 'mode=any word'"),
        ("call store search mode:=", "call store search 'mode:=\"all\"'"),
        ("request con", "request console"),
        ("request store ", "request store search"),
        ("request store search ", 'request store search {"text": ""}'),
        ("request store search {", 'request store search {"text": '),
        ('request store search {"text": "a", "de', 'request store search {"text": "a", "deep": '),
        ('request store search {"deep": f', 'request store search {"deep": false'),
        ("request store search '{\"te", 'request store search \'{"text": '),
        ("request store search {\n  ", 'request store search {\n  "text": '),
        ('request store {"endpoint": ', 'request store {"endpoint": "search"'),
        (
            'request store {"endpoint": "search", "args": {"li',
            'request store {"endpoint": "search", "args": {"limit": ',
        ),
        ("ps --sort c", "ps --sort cpu"),
        ("ps --sort=c", "ps --sort=cpu"),
        ("ps --so", "ps --sort"),
        ("ps --filter sta", "ps --filter state"),
        ("ps --filter 'p95>20ms and sta", "ps --filter 'p95>20ms and state"),
        ("ps -b ot", "ps -b other"),
        ("describe -b other ", "describe -b other far"),
        ("signal probe SIGH", "signal probe SIGHUP"),
        ("signal probe HU", "signal probe HUP"),
        ("-b ot", "-b other"),
        ("-o js", "-o json"),
        ("-b other te", "-b other terminate"),
        ("-b other describe ", "-b other describe far"),
        ("-o json ps --so", "-o json ps --sort"),
        ("ipcm te", "ipcm terminate"),
        ("kill 'pro", "kill 'probe"),
        ("ps\ncall pro", "ps\ncall probe"),
    ],
)
def test_the_first_offer(text: str, line: str) -> None:
    assert completed(text) == line


def test_all_verbs_with_what_they_do() -> None:
    assert texts("") == list(NAMES)
    assert offers("ta")[0].meta.startswith("Follow messages")
    assert [each.text for each in complete("a", 1, Still(), ("ls", "tail"))] == ["tail"]


def test_what_has_been_given_is_not_offered_again() -> None:
    assert texts("kill store ") == ["probe"]
    assert "--sort" not in texts("ps --sort cpu -")
    assert "text=" not in texts("call store search text=a ")
    assert '"text": ' not in texts('request store search {"text": "a", ')


def test_services_come_first_and_required_parameters_too() -> None:
    assert texts("request ") == ["store", "probe", "console"]
    assert [(each.text, each.meta) for each in offers("call store search ")][:2] == [
        ("text=", "string, required"), ("limit=", "integer, default 10"),
    ]  # fmt: skip
    assert offers("call store ")[0].meta == "Finds files."


def test_whether_something_belongs_right_behind() -> None:
    assert offers("call store search te")[0].more and not offers("call sto")[0].more
    assert offers("kill 'pro")[0].more


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("describe $_.", ["files", "odd-name"]),
        ("call store search text=$_.fi", ["files"]),
        ("call store search text=$_.files.", ["0", "1"]),
        ('request store search {"text": $_.files.1.p', ["path"]),
        ("describe $_.none.", []),
        ("describe '$_.", []),
        ("describe $_.files.0.", []),
    ],
)
def test_parts_of_the_last_response(text: str, offered: list[str]) -> None:
    last = Last.of({"files": ["a", {"path": "b"}], "odd-name": 1, "no word": 2})
    found = complete(text, len(text), Still(), response=last)
    assert [each.text for each in found] == offered
    assert all(text[each.start - 1] == "." for each in found)
    assert complete("describe $_.", 12, Still()) == []


@pytest.mark.parametrize(
    "text", ["ps | j", "ps > f", "# te", "odd st", "request store search {}", "call nobody ",
             "call probe x y", "ps --loud=x", "call store search text="],
)  # fmt: skip
def test_where_there_is_nothing_to_offer(text: str) -> None:
    assert texts(text) == []


def test_the_cursor_may_stand_before_the_end() -> None:
    text = "call st search text=x"
    (found,) = complete(text, 7, Still())
    assert (found.start, found.text) == (5, "store")


def test_a_description_without_end_offers_nothing() -> None:
    class Endless(Still):
        def description(self, service: str) -> Description | None:
            loop = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}
            return read_description(
                {"name": "store", "endpoints": [{"name": "search", "parameters": loop}]}
            )

    assert offers("request store search {", Endless()) == []


STARTS = ["", "call store search ", "request store search ", "request store ", "ps ", "kill "]


@given(st.text("ab{}[]\"'\\|>#$_.= -", max_size=20), st.sampled_from(STARTS))
def test_whatever_is_typed(rest: str, start: str) -> None:
    text = start + rest
    for each in offers(text):
        assert 0 <= each.start <= len(text) and each.display
        before = [word.value for word in lex(text).words]
        after = [word.value for word in lex(text[: each.start] + each.text).words]
        # What was there before the word stays as it is.
        assert after[: len(before) - 1] == before[: len(before) - 1]
