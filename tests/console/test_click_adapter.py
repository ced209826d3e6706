"""Verbs as click commands: what is typed reaches the verb, or is refused."""

from __future__ import annotations

from typing import Any

import click
import pytest

from ipcm.console.click_adapter import VerbGroup, make_command
from ipcm.console.common import Common
from ipcm.console.registry import NAMES, get_verb
from ipcm.console.results import Finished
from ipcm.console.verb import Argument, Option, Verb


def nothing(*_: Any, **__: Any) -> Finished:
    return Finished()


VERB = Verb(
    name="try",
    summary="Try it",
    group="Run",
    run=nothing,
    result=dict,
    arguments=(Argument("first", "One."), Argument("rest", "More.", required=False, many=True)),
    options=(
        Option("count", ("-n", "--count"), "How many.", int, 2, minimum=1),
        Option("seconds", ("--seconds",), "How long.", float, minimum=0.0),
        Option("mode", ("--mode",), "Which way.", choices=("up", "down")),
        Option("loud", ("--loud",), "Louder.", bool, False),
    ),
    destructive=True,
    timeout=5.0,
)


def parse(*words: str, verb: Verb = VERB, outer: Common | None = None) -> tuple[Common, Any]:
    got: list[tuple[Common, Any]] = []

    def perform(_verb: Verb, common: Common, values: dict[str, Any]) -> int:
        got.append((common, values))
        return 0

    make_command(verb, perform).main(list(words), standalone_mode=False, obj=outer)
    return got[0]


def test_words_and_options_reach_the_verb() -> None:
    common, values = parse(
        "a", "b", "c", "-n", "3", "--seconds", "1.5", "--mode", "up", "--loud",
        "-b", "bus", "-o", "json", "--timeout", "0.5", "-y",
    )  # fmt: skip
    assert common == Common("bus", "json", 0.5, True)
    assert values == {
        "first": "a", "rest": ("b", "c"), "count": 3, "seconds": 1.5, "mode": "up", "loud": True,
    }  # fmt: skip


def test_what_is_left_out_has_its_default() -> None:
    common, values = parse("a")
    assert common == Common()
    assert values == {
        "first": "a", "rest": (), "count": 2, "seconds": None, "mode": None, "loud": False,
    }  # fmt: skip


def test_options_before_the_verb_count_where_none_follow() -> None:
    outer = Common(bus="outer", output="csv")
    assert parse("a", outer=outer)[0] == outer
    assert parse("a", "-b", "inner", "-o", "json", outer=outer)[0] == Common("inner", "json")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("a", "-n", "0"),
        ("a", "-n", "x"),
        ("a", "--seconds", "nan"),
        ("a", "--seconds", "inf"),
        ("a", "--seconds", "-1"),
        ("a", "--timeout", "0"),
        ("a", "--mode", "sideways"),
        ("a", "-o", "xml"),
        ("a", "--nope"),
    ],
)
def test_what_is_wrong_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        parse(*words)


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_every_verb(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_command(get_verb(name), lambda *_: 0).main(["--help"], name, standalone_mode=False)
    shown = capsys.readouterr().out
    verb = get_verb(name)
    assert verb.summary in " ".join(shown.split())
    assert ("--bus" in shown) == verb.on_bus
    assert ("--output" in shown) == (verb.result is not None)
    assert ("--timeout" in shown) == (verb.timeout is not None)
    assert ("--yes" in shown) == verb.destructive
    for argument in verb.arguments:
        assert argument.name.upper() in shown
    for option in verb.options:
        assert all(flag in shown for flag in option.flags)


def test_the_help_of_all_lists_every_verb_once(capsys: pytest.CaptureFixture[str]) -> None:
    group = VerbGroup(lambda *_: 0, name="ipcm")
    group.main(["--help"], "ipcm", standalone_mode=False)
    shown = capsys.readouterr().out.splitlines()
    for name in NAMES:
        assert sum(line.startswith(f"  {name} ") for line in shown) == 1


def test_an_unknown_verb_gets_a_suggestion() -> None:
    group = VerbGroup(lambda *_: 0, name="ipcm")
    with pytest.raises(click.UsageError, match="did you mean 'terminate'"):
        group.main(["termnate", "x"], "ipcm", standalone_mode=False)
