"""What can be sent, and what is wrong with the rest."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.live import EndpointDescription
from ipcm.role.endpoints import Endpoint
from ipcm_tui.models.compose import Draft, arguments_template, check, draft_of
from ipcm_tui.models.form import args_of, read_form, texts_of

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
        (Draft("store", "", "NaN"), "body", "NaN is no JSON number"),
        (Draft("store", "", "[" * 100_000), "body", "JSON: nested too deeply"),
    ],
)
def test_what_is_wrong_and_where(draft: Draft, field: str, problem: str) -> None:
    verdict = check(draft, PEERS)
    assert not verdict.ok
    assert verdict.field == field
    assert verdict.problem.startswith(problem), verdict.problem


def described(*functions: Any) -> dict[str, EndpointDescription]:
    made = [Endpoint.of(function.__name__, function).describe() for function in functions]
    return {each["name"]: msgspec.convert(each, EndpointDescription) for each in made}


def search(text: str, tags: list[str], limit: int = 10, mode: Literal["any", "all"] = "any") -> int:
    """Searches.

    More about it.

    Args:
        text: words to look for,
            in any order.
        tags: of files. Several may be given.
        limit: hits at the most.

    Returns:
        mode: no parameter.
    """
    return 0


def stats() -> None: ...


KNOWN = described(search, stats)


def test_an_unknown_endpoint_is_a_warning() -> None:
    verdict = check(Draft("store", "serach"), PEERS, KNOWN)
    assert verdict.ok, "the service may know better"
    assert verdict.problem == "store offers no 'serach', but search, stats"
    assert check(Draft("store", "stats"), PEERS, KNOWN).problem == ""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('{"text": "x", "tags": []}', ""),
        ('{"text": "x"}', "tags missing"),
        ('{"text": 5, "tags": []}', "text: string is wanted, not 5 (column 10)"),
        ('{"text": "x", "tags": [1]}', "tags.0: string is wanted, not 1 (column 24)"),
        ('{"text": "x", "tags": [], "more": 1}', "more: no parameter 'more'; there are: "),
    ],
)
def test_arguments_that_do_not_fit_are_a_warning_that_says_where(body: str, problem: str) -> None:
    verdict = check(Draft("store", "search", body), PEERS, KNOWN)
    assert verdict.ok
    assert verdict.problem == problem or (problem and verdict.problem.startswith(problem))


def test_a_template_has_what_is_required() -> None:
    assert json.loads(arguments_template(KNOWN["search"])) == {"text": "", "tags": []}
    assert arguments_template(KNOWN["stats"]) == ""


# What was sent before


@given(st.text(min_size=1), st.dictionaries(st.text(), VALUES, max_size=3))
def test_a_request_is_read_back_from_its_preview(endpoint: str, args: dict[str, Any]) -> None:
    draft, whole = draft_of("store", json.dumps({"endpoint": endpoint, "args": args}))
    assert whole and draft.endpoint == endpoint
    assert json.loads(draft.body or "{}") == args


@given(VALUES)
def test_a_payload_is_read_back_from_its_preview(value: Any) -> None:
    draft, whole = draft_of("store", json.dumps(value))
    assert whole
    if not draft.endpoint:
        assert json.loads(draft.body) == value


@pytest.mark.parametrize("preview", [None, "", '{"endpoint": "x", "args": {"a...'])
def test_what_is_cut_is_not_all_of_it(preview: str | None) -> None:
    draft, whole = draft_of("store", preview)
    assert not whole and draft.body == (preview or "")


@pytest.mark.parametrize(
    "preview",
    [
        '{"endpoint": "x", "args": {}, "more": 1}',
        '{"endpoint": 5, "args": {}}',
        '{"endpoint": "", "args": {}}',
        '{"endpoint": "x", "args": []}',
    ],
)
def test_what_only_looks_like_a_call_is_a_payload(preview: str) -> None:
    draft, whole = draft_of("store", preview)
    assert whole and not draft.endpoint and json.loads(draft.body) == json.loads(preview)


def test_text_is_read_back_as_it_was_typed() -> None:
    draft, _ = draft_of("store", '{"endpoint": "x", "args": {"a": "\\u00e9"}}')
    assert draft.body == '{"a": "é"}'
    deep = "[" * 100_000
    assert draft_of("store", deep) == (Draft("store", "", deep), False)


# The form


FIELDS = read_form(KNOWN["search"])


def test_a_field_for_each_parameter() -> None:
    assert [(each.name, each.type, each.required, each.hint, each.doc) for each in FIELDS] == [
        ("text", "str", True, "needed", "words to look for, in any order."),
        ("tags", "list", True, "needed", "of files. Several may be given."),
        ("limit", "int", False, "10, if left empty", "hits at the most."),
        ("mode", 'one of "all", "any"', False, '"any", if left empty', ""),
    ]


def test_a_field_without_a_known_default_says_no_more_than_that() -> None:
    (each,) = read_form(
        EndpointDescription(
            "f",
            parameters={"type": "object", "properties": {"a": {"type": "array"}}},
        )
    )
    assert each.hint == "may be left empty"


def test_what_is_typed_becomes_arguments() -> None:
    texts = {"text": "two words", "tags": '["a"]', "limit": "5", "mode": "all"}
    assert args_of(FIELDS, texts) == (
        {"text": "two words", "tags": ["a"], "limit": 5, "mode": "all"}, {},
    )  # fmt: skip
    args, problems = args_of(FIELDS, {"tags": "a", "limit": "many", "mode": "none"})
    assert args == {}
    assert problems["text"] == "needed"
    assert problems["tags"].startswith("list, as JSON")
    assert problems.keys() == {"text", "tags", "limit", "mode"}
    assert args_of(FIELDS, {"text": "1", "tags": "[]", "limit": '"x"'})[1] == {
        "limit": 'integer is wanted, not "x"'
    }


TEXTS = st.text() | st.sampled_from(["", " ", '"', '"x"', "5", "null", "[", " x", "true"])


@given(TEXTS, st.lists(TEXTS, max_size=2), st.integers(), st.sampled_from(["any", "all"]))
def test_the_form_shows_any_arguments_and_reads_them_back(
    text: str, tags: list[str], limit: int, mode: str
) -> None:
    args = {"text": text, "tags": tags, "limit": limit, "mode": mode}
    assert args_of(FIELDS, texts_of(FIELDS, args))[0] == args


def test_a_schema_without_end_has_no_form() -> None:
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}
    endless = EndpointDescription("x", parameters=schema)
    assert read_form(endless) == ()
    assert arguments_template(endless) == ""
    assert check(Draft("store", "x"), PEERS, {"x": endless}).ok
