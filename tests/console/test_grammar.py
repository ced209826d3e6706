"""Lines read as verbs: the same as on the command line, and where each word stands."""

from __future__ import annotations

from typing import Any

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipcm.console.click_adapter import make_command
from ipcm.console.common import Common
from ipcm.console.grammar import Reading, read
from ipcm.console.registry import get_verb
from ipcm.console.verb import Verb
from ipcm.console.words import Word, lex, quote
from tests.console.test_click_adapter import VERB

WORDS = st.sampled_from(
    ["a", "", "-", "--", "-n", "3", "-n3", "0", "-n0", "x", "--count", "--count=2", "--count=",
     "--seconds", "1.5", "nan", "--seconds=inf", "--mode", "up", "--mode=up", "--mode=left",
     "--loud", "--loud=1", "-y", "-yn2", "-yn", "-b", "bus", "-bbus", "-b=x", "--bus=b", "-o",
     "json", "-ojson", "--timeout", "--timeout=0", "-x", "--odd", "-5", "1_0", " 4 "]
)  # fmt: skip


def reading_of(text: str, verb: Verb = VERB, **settings: Any) -> Reading:
    line = lex(text)
    return read(verb, line.words, line.end, **settings)


def by_click(words: list[str]) -> tuple[Common, Any] | None:
    got: list[tuple[Common, Any]] = []

    def perform(_verb: Verb, common: Common, values: dict[str, Any]) -> int:
        got.append((common, values))
        return 0

    try:
        make_command(VERB, perform).main(words, standalone_mode=False)
    except click.ClickException:
        return None
    return got[0]


@given(st.lists(WORDS, max_size=6))
@example(["a", "-b", ""])
@example(["a", "-o", ""])
def test_it_is_the_grammar_of_the_command_line(words: list[str]) -> None:
    reading = reading_of(" ".join(map(quote, words)))
    wanted = by_click(words)
    if wanted is None:
        assert reading.problems, "click refuses it"
    else:
        assert not reading.problems
        assert (reading.common, reading.values) == wanted


@pytest.mark.parametrize(
    ("text", "marked", "problem"),
    [
        ("a --cuont 3", "--cuont", "no option --cuont: did you mean --count?"),
        ("a -n three", "three", "--count is a whole number, not 'three'"),
        ("a --count=three", "three", "a whole number"),
        ("a -n0", "0", "at least 1"),
        ("a --seconds=inf", "inf", "finite"),
        ("a --mode 'side ways'", "'side ways'", "one of up, down"),
        ("a --loud=x", "=x", "takes no value"),
        ("a -z", "-z", "no option -z"),
    ],
)
def test_what_is_wrong_has_its_place(text: str, marked: str, problem: str) -> None:
    (found,) = reading_of(text).problems
    assert text[found.start : found.end] == marked and problem in found.text
    assert found.kind == "wrong"


def test_what_is_missing_stands_at_the_end() -> None:
    (found,) = reading_of("-n 2").problems
    assert (found.start, found.kind) == (4, "missing") and "FIRST is missing" in found.text
    (found,) = reading_of("a -n").problems
    assert found.text == "--count needs a value"


def test_too_many_words() -> None:
    (found,) = reading_of("a b c", get_verb("describe")).problems
    assert (found.start, found.end) == (4, 5) and "no more words" in found.text


def test_what_comes_next() -> None:
    assert reading_of("").upcoming is VERB.arguments[0]
    assert reading_of("a b").upcoming is VERB.arguments[1]
    assert reading_of("a -n").wants is VERB.options[0]
    assert reading_of("a --").plain and reading_of("a --help").help
    slots = [(slot.role, slot.at) for slot in reading_of("a --count=2 -n 3 -n4 -- -x").slots]
    assert slots == [
        ("argument", 0), ("value", 8), ("flag", 0), ("value", 0), ("value", 2), ("end", 0),
        ("argument", 0),
    ]  # fmt: skip


def test_what_a_reference_stands_for_is_put_in_where_it_belongs() -> None:
    asked = []

    def expand(word: Word, json: bool) -> str:
        asked.append((word.value, json))
        return "--loud"

    request = get_verb("request")
    reading = reading_of("store $_ --timeout 5", request, expand=expand)
    assert asked == [("$_", True)]
    assert reading.values["endpoint"] == "--loud" and not reading.problems
    assert reading_of("$_", get_verb("describe"), expand=expand).values["service"] == "--loud"
    assert asked[1:] == [("$_", False)]


def test_a_surface_may_ask_about_other_verbs_too() -> None:
    assert reading_of("store HUP -y", get_verb("signal")).problems
    assert reading_of("store HUP -y", get_verb("signal"), asking=("signal",)).common.yes
