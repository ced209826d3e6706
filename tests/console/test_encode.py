"""Whatever travels on a bus can be written as JSON and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.encode import csv_line, plain_value, to_json

KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.tuples(st.integers())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


class Point(msgspec.Struct):
    x: int
    label: str | None = None


@dataclasses.dataclass
class Pair:
    a: int
    b: object


@given(VALUES)
def test_everything_is_one_json_document_without_controls(value: Any) -> None:
    for indent in (False, True):
        text = to_json(value, indent)
        json.loads(text)
        assert "\n" not in text or indent
        assert not any(0x7F <= ord(each) < 0xA0 for each in text)


def test_what_would_turn_a_line_around_comes_as_an_escape() -> None:
    assert to_json("a\u202eb\u2066c\u200f") == r'"a\u202eb\u2066c\u200f"'


def test_structs_and_dataclasses_are_objects() -> None:
    assert json.loads(to_json(Point(1))) == {"x": 1, "label": None}
    assert json.loads(to_json([Pair(1, Point(2))])) == [{"a": 1, "b": {"x": 2, "label": None}}]


def test_what_json_cannot_say() -> None:
    assert to_json(math.nan) == "null"
    assert to_json(math.inf) == "null"
    assert json.loads(to_json(b"\xff")) == "/w=="
    assert json.loads(to_json({None: 1, (1, 2): 2})) == {"None": 1, "(1, 2)": 2}
    assert json.loads(to_json(10**30)) == 10**30
    assert json.loads(to_json("\udcff")) == "\\udcff"
    assert "object" in json.loads(to_json(object()))
    assert "object" in plain_value({None: object()})["None"]


@given(st.lists(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]))))
def test_csv_reads_back(cells: list[str]) -> None:
    assert list(csv.reader(io.StringIO(csv_line(cells), newline=""), strict=True)) == [cells]


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, ""), (True, "true"), (5, "5"), (1.5, "1.5"), ("a,b", '"a,b"'), (b"\xff", "/w==")],
)
def test_csv_cells(cell: Any, text: str) -> None:
    assert csv_line([cell, "x"]) == f"{text},x\n"


def test_csv_cells_that_are_nested_are_json() -> None:
    assert next(csv.reader([csv_line([["a", 1], {"b": None}])])) == ['["a",1]', '{"b":null}']
