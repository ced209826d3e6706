"""Schemas: what they say of values agrees with what the services themselves do."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.schema import Schema


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Everything(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    number: float = 1.0
    count: int | None = None
    flag: bool = False
    mode: Literal["up", "down"] = "up"
    tags: list[str] = []
    pair: tuple[int, str] = (1, "a")
    point: Point | None = None
    points: dict[str, Point] = {}


SCHEMA = Schema.of(msgspec.json.schema(Everything))

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-1, 1).filter(lambda f: f % 1 != 0),
    st.sampled_from(["up", "x"]),
)  # fmt: skip
INNER = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2)
    ),
    max_leaves=4,
)


def fits(value: Any) -> bool:
    try:
        msgspec.convert(value, Everything)
    except msgspec.ValidationError:
        return False
    return True


@given(st.dictionaries(st.sampled_from([*Everything.__struct_fields__, "other"]), INNER))
def test_what_it_accepts_is_what_the_service_accepts(value: Any) -> None:
    value.setdefault("text", "t")
    assert (SCHEMA.fault(value) is None) is fits(value), SCHEMA.fault(value)


@pytest.mark.parametrize(
    ("value", "path", "text"),
    [
        ({}, (), "text missing"),
        ({"text": 1}, ("text",), "string is wanted, not 1"),
        ({"text": "", "mode": "x"}, ("mode",), 'one of "down", "up" is wanted'),
        ({"text": "", "txt": 1}, ("txt",), "no parameter 'txt'; there are: text, number"),
        ({"text": "", "tags": ["a", 2]}, ("tags", 1), "string is wanted"),
        ({"text": "", "points": {"a": {"x": "1"}}}, ("points", "a", "x"), "integer is wanted"),
        ({"text": "", "count": "1"}, ("count",), "integer or null is wanted"),
        ([], (), "object is wanted"),
    ],
)
def test_it_says_what_does_not_fit(value: Any, path: tuple[Any, ...], text: str) -> None:
    fault = SCHEMA.fault(value)
    assert fault is not None and fault[0] == path and text in fault[1]


def test_what_it_says_and_offers() -> None:
    about = {name: each.about(name in SCHEMA.required) for name, each in SCHEMA.properties.items()}
    assert about["text"] == "string, required"
    assert about["count"] == "integer or null, default null"
    assert about["mode"] == 'one of "down", "up", default "up"'
    assert SCHEMA.at(("flag",)).values() == [True, False]
    assert set(SCHEMA.at(("mode",)).values()) == {"up", "down"}
    assert SCHEMA.at(("points", "any", "x")).kind == "integer"
    assert SCHEMA.at(("pair", 1)).kind == "string"
    assert SCHEMA.template() == {"text": ""}
    assert Schema.of({"const": 5}).values() == [5]
    maybe = Schema.of({"anyOf": [{"type": "boolean"}, {"type": "null"}]})
    assert maybe.values() == [True, False, None]
    assert Schema.of({"properties": {"a": {}}, "required": ["b"]}).template() == {}
    optional = {"anyOf": [{"type": "null"}, {"additionalProperties": {"type": "integer"}}]}
    assert Schema.of(optional).at(("any",)).kind == "integer"


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        ({}, "anything"),
        ({"properties": {}}, "object"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"anyOf": [{"type": "integer"}, {"type": "integer", "minimum": 5}]}, "integer"),
        ({"const": [1]}, "[1]"),
    ],
)
def test_what_it_is_in_a_few_words(hint: Any, kind: str) -> None:
    assert Schema.of(hint).about(required=False) == kind


@pytest.mark.parametrize(
    ("hint", "wrong", "right", "text"),
    [
        ({"minimum": 1}, 0, 1, "at least 1"),
        ({"exclusiveMaximum": 1}, 1, 0, "less than 1"),
        ({"minLength": 2}, "a", "ab", "at least 2 characters"),
        ({"maxItems": 0}, [1], [], "at most 0"),
        ({"const": True}, 1, True, "true"),
        ({"enum": [1, "a"]}, True, "a", 'one of 1, "a"'),
        ({"type": ["string", "null"]}, 1, None, "string or null"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, None, "string or null"),
    ],
)
def test_bounds(hint: dict[str, Any], wrong: Any, right: Any, text: str) -> None:
    fault = Schema.of(hint).fault(wrong)
    assert fault is not None and text in fault[1]
    assert Schema.of(hint).fault(right) is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        3,
        {"$ref": 5},
        {"$ref": "#/nowhere"},
        {"type": "odd"},
        {"properties": []},
        {"required": [3]},
    ],
)
def test_what_is_no_schema_allows_everything(document: Any) -> None:
    schema = Schema.of(document)
    assert schema.fault({"a": [1]}) is None and schema.properties == {} and schema.required == []


def test_a_schema_without_end_is_told() -> None:
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert Schema.of(loop).fault(1) is None
    deep = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}
    with pytest.raises(RecursionError):
        Schema.of(deep).fault(1)
