"""JSON in the making."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.json_text import Path, locate, scan

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def leaves(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    if isinstance(value, dict):
        return [each for key, sub in value.items() for each in leaves(sub, (*path, key))]
    if isinstance(value, list):
        return [each for i, sub in enumerate(value) for each in leaves(sub, (*path, i))]
    return [(path, value)]


@given(VALUES, st.sampled_from([None, 1]))
def test_every_value_has_its_place_and_path(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    pieces, _ = scan(text)
    found = [
        (piece.path, json.loads(text[piece.start : piece.end]))
        for piece in pieces
        if piece.kind in ("string", "number", "constant")
    ]
    assert found == leaves(value)
    for path, leaf in leaves(value):
        start, end = locate(text, path)
        assert json.loads(text[start:end]) == leaf


@given(st.text('{}[]",: ab1\\$_.', max_size=30))
def test_any_text_can_be_scanned(text: str) -> None:
    pieces, spot = scan(text)
    assert all(a.end <= b.start for a, b in itertools.pairwise(pieces))
    assert 0 <= spot.start <= len(text)


@pytest.mark.parametrize(
    ("text", "expects", "path", "begin"),
    [
        ("", "value", (), ""),
        ("{", "key", (), ""),
        ('{"te', "key", (), "te"),
        ("{te", "key", (), "te"),
        ('{"a"', "mark", ("a",), ""),
        ('{"a":', "value", ("a",), ""),
        ('{"a": tr', "value", ("a",), "tr"),
        ('{"a": 1, "b": tr', "value", ("b",), "tr"),
        ('{"a": [1, {"b": "x', "value", ("a", 1, "b"), "x"),
        ('{"a": 1 ', "mark", ("a",), ""),
        ('{"a": 1, ', "key", (), ""),
        ('{"a": {}, ', "key", (), ""),
        ("[1, ", "value", (1,), ""),
        ("{}", "mark", (), ""),
    ],
)
def test_what_can_come_next(text: str, expects: str, path: Path, begin: str) -> None:
    _, spot = scan(text)
    assert (spot.expects, spot.path, spot.begin) == (expects, path, begin)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('{"te', ["bracket", "key"]),
        ('["te', ["bracket", "string"]),
        ('{"a":"b"}]', ["bracket", "key", "mark", "string", "bracket", "bracket"]),
        ("[$_.x, -1, tru", ["bracket", "reference", "mark", "number", "mark", "constant"]),
    ],
)
def test_what_the_pieces_are(text: str, kinds: list[str]) -> None:
    pieces, _ = scan(text)
    assert [piece.kind for piece in pieces] == kinds


def test_keys_that_are_there_already() -> None:
    assert scan('{"a": 1, "b": {"c": 2}, ')[1].keys == ("a", "b")


def test_a_missing_part_is_where_it_would_be() -> None:
    text = '{"a": {"b": 1}}'
    assert locate(text, ("a", "x")) == (6, 14)
    assert locate(text, ("x",)) == (0, 15)
    assert locate("", ("x",)) == (0, 0)
