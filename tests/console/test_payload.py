"""What is typed for a request becomes what is sent, or a message that says where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.payload import parse_arguments, parse_json, parse_request
from ipcm.errors import UsageError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        (["stats"], {"endpoint": "stats", "args": {}}),
        (["search", '{"text": "a"}'], {"endpoint": "search", "args": {"text": "a"}}),
        (['{"endpoint": "stats", "args": {}}'], {"endpoint": "stats", "args": {}}),
        (["größe"], {"endpoint": "größe", "args": {}}),
        (["None"], {"endpoint": "None", "args": {}}),
        (["true"], True),
        (["false"], False),
        (["null"], None),
        (["5"], 5),
        (['"stats"'], "stats"),
        (["[1, 2]"], [1, 2]),
    ],
)
def test_a_word_that_is_an_identifier_is_an_endpoint(words: list[str], payload: Any) -> None:
    assert parse_request(words) == payload


@given(JSON)
def test_any_json_is_the_payload_itself(value: Any) -> None:
    assert parse_request([json.dumps(value)]) == value


@given(st.text(max_size=60))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    try:
        parse_request([text])
    except UsageError as error:
        assert str(error)  # noqa: PT017 (most texts parse)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["nothing to ask"]),
        (["{}", "{}"], ["unexpected '{}'"]),
        (["stats", "{}", "more"], ["unexpected 'more'", "ipcm call"]),
        (["stats", "[1]"], ["a JSON object"]),
        (["stats", "{"], ["what is given to stats is not JSON", "line 1, column 2"]),
        (["hello-world"], ["line 1, column 1", "double quotes"]),
        (["{'a': 1}"], ["line 1, column 2", "double quotes"]),
        (["NaN-"], ["not JSON", "NaN"]),
        (["[NaN]"], ["NaN"]),
        (["[" * 100_000], ["nested too deeply"]),
        (["1" * 5000], ["not JSON"]),
        ([""], ["not JSON"]),
        (["@/nowhere/at/all"], ["/nowhere/at/all", "No such file"]),
        (["@"], ["cannot be read"]),
        (["@a\0b"], ["cannot be read"]),
        (["-"], ["standard input"]),
    ],
)
def test_what_cannot_be_read_is_explained(words: list[str], parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse_request(words)
    for part in parts:
        assert part in str(caught.value)


def test_the_caret_stands_below_the_place() -> None:
    with pytest.raises(UsageError) as caught:
        parse_json('{"endpoint" "stats"}', "the payload")
    _, shown, caret, *_ = str(caught.value).splitlines()
    assert shown[caret.index("^")] == '"'
    assert shown[: caret.index("^")].endswith('"endpoint" ')


@pytest.mark.parametrize("before", [0, 50, 5000])
@pytest.mark.parametrize("after", [0, 50, 5000])
def test_the_caret_is_right_in_a_long_line_too(before: int, after: int) -> None:
    text = "[" + "1," * before + "!" + ",1" * after + "]"
    with pytest.raises(UsageError) as caught:
        parse_json(text, "the payload")
    _, shown, caret, *_ = str(caught.value).splitlines()
    assert shown[caret.index("^")] == "!"
    assert len(shown) < 140


def test_the_caret_is_right_in_the_line_meant() -> None:
    with pytest.raises(UsageError) as caught:
        parse_json('{\n  "a": 1,\n  "b" 2\n}', "the payload")
    text = str(caught.value)
    assert "line 3, column 7" in text
    _, shown, caret, *_ = text.splitlines()
    assert shown[caret.index("^")] == "2"


def test_json_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"text": "é"}', encoding="utf-8")
    assert parse_request([f"@{file}"]) == {"text": "é"}
    assert parse_request(["search", f"@{file}"]) == {"endpoint": "search", "args": {"text": "é"}}
    file.write_bytes(b'"\xff"')
    with pytest.raises(UsageError, match="not UTF-8"):
        parse_request([f"@{file}"])


def test_json_comes_from_standard_input() -> None:
    assert parse_request(["-"], lambda: b"[1]") == [1]
    assert parse_request(["search", "-"], lambda: b"{}") == {"endpoint": "search", "args": {}}
    with pytest.raises(UsageError, match="not UTF-8"):
        parse_request(["-"], lambda: b"\xff")


@pytest.mark.parametrize(
    ("items", "args"),
    [
        ([], {}),
        (["text=fork", "limit=5"], {"text": "fork", "limit": 5}),
        (['text="5"'], {"text": "5"}),
        (["a=true", "b=null", 'd={"e": 1}'], {"a": True, "b": None, "d": {"e": 1}}),
        (["a=", "b=x=y", "c=NaN"], {"a": "", "b": "x=y", "c": "NaN"}),
        (["a:=5", 'b:="x"'], {"a": 5, "b": "x"}),
        (["url=http://x/?a=b"], {"url": "http://x/?a=b"}),
        (["deep=" + "[" * 100_000], {"deep": "[" * 100_000}),
    ],
)  # fmt: skip
def test_key_value_arguments(items: list[str], args: dict[str, Any]) -> None:
    assert parse_arguments(items) == args


@pytest.mark.parametrize(
    ("items", "part"),
    [
        (["text"], "KEY=VALUE"),
        (["=5"], "KEY=VALUE"),
        ([":=5"], "KEY=VALUE"),
        (["a=1", "a=2"], "twice"),
        (["a:=x"], "the value of a is not JSON"),
    ],
)
def test_arguments_that_are_none_are_explained(items: list[str], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        parse_arguments(items)
