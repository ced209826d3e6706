"""What can be sent, and what is wrong with the rest."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm_tui.models.compose import (
    Draft,
    EndpointFacts,
    arguments_template,
    check,
    read_endpoints,
)

PEERS = ["indexer", "store", "storehouse"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(VALUES)
def test_any_json_goes_as_it_is(value: Any) -> None:
    verdict = check(Draft("store", "", json.dumps(value)), PEERS)
    assert verdict.ok and verdict.payload == value


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_arguments_are_wrapped(args: dict[str, Any]) -> None:
    verdict = check(Draft(" store ", " search ", json.dumps(args)), PEERS)
    assert verdict.ok and verdict.payload == {"endpoint": "search", "args": args}


@given(st.text(), st.text(), st.text())
def test_whatever_is_typed_is_judged(peer: str, endpoint: str, body: str) -> None:
    verdict = check(Draft(peer, endpoint, body), PEERS)
    assert verdict.ok or (verdict.problem and verdict.field)


def test_no_arguments_are_none() -> None:
    assert check(Draft("store", "stats", "  "), PEERS).payload == {"endpoint": "stats", "args": {}}


@pytest.mark.parametrize(
    ("draft", "field", "problem"),
    [
        (Draft(), "peer", "whom to ask?"),
        (Draft("stroe"), "peer", "nobody is called 'stroe' here; 'store'?"),
        (Draft("sto"), "peer", "sto… store, storehouse?"),
        (Draft("zzz"), "peer", "nobody is called 'zzz' here"),
        (Draft("store"), "endpoint", "an endpoint, or a payload as JSON"),
        (Draft("store", "", '{"a": }'), "body", "JSON: column 7: expecting value"),
        (Draft("store", "x", '{\n "a" 1}'), "body", "JSON: line 2, column 6: expecting ':' delim"),
        (Draft("store", "x", "[1]"), "body", "the arguments are a JSON object"),
        (Draft("store", "x", "null"), "body", "the arguments are a JSON object"),
        (Draft("store", "", "NaN"), "body", "JSON has no NaN"),
        (Draft("store", "", "[" * 100_000), "body", "JSON: nested too deeply"),
    ],
)
def test_what_is_wrong_and_where(draft: Draft, field: str, problem: str) -> None:
    verdict = check(draft, PEERS)
    assert not verdict.ok
    assert verdict.field == field
    assert verdict.problem.startswith(problem), verdict.problem


def test_an_unknown_endpoint_is_a_warning() -> None:
    verdict = check(Draft("store", "serach"), PEERS, {"search", "stats"})
    assert verdict.ok, "the service may know better"
    assert verdict.problem == "store offers no 'serach', but search, stats"
    assert check(Draft("store", "search"), PEERS, {"search"}).problem == ""


class Arguments(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    text: str
    limit: int = 10
    tags: list[str]


def test_reads_what_services_say_of_themselves() -> None:
    schema = msgspec.json.schema(Arguments)
    said = {"name": "store", "endpoints": [
        {"name": "search", "signature": "search(text: str)", "doc": "Searches.",
         "parameters": schema},
        {"name": "stats"}, {"nameless": 1}, "rubbish",
    ]}  # fmt: skip
    found = read_endpoints(said)
    assert list(found) == ["search", "stats"]
    assert found["search"] == EndpointFacts("search", "search(text: str)", "Searches.", schema)
    assert json.loads(arguments_template(found["search"])) == {"text": "", "tags": []}
    assert arguments_template(found["stats"]) == ""


@pytest.mark.parametrize("rubbish", [None, 3, [], {}, {"endpoints": 5}, {"endpoints": {"a": 1}}])
def test_reads_rubbish_as_nothing(rubbish: Any) -> None:
    assert read_endpoints(rubbish) == {}
