"""Previews are short, whatever there is to see, and show what may be seen."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.preview import PREVIEW_BYTES, cut_text, make_preview, make_value

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_the_beginning_of_the_content(content: Any) -> None:
    preview = make_preview(content)
    assert len(preview.encode()) <= PREVIEW_BYTES
    try:
        whole = msgspec.json.encode(content).decode()
    except (msgspec.MsgspecError, OverflowError, ValueError):
        return
    if len(whole.encode()) <= PREVIEW_BYTES:
        assert preview == whole
    else:
        assert preview.endswith("...") and whole.startswith(preview.removesuffix("..."))


def test_redacted_first() -> None:
    assert make_preview({"password": "x"}, lambda content: "hidden") == '"hidden"'
    secret = "x" * 1000 + "secret"
    assert make_preview(secret, lambda content: content[-6:]) == '"secret"'


@pytest.mark.parametrize("failure", [KeyError, SystemExit, asyncio.CancelledError])
def test_a_redaction_that_fails_shows_nothing(failure: type[BaseException]) -> None:
    def redact(content: Any) -> Any:
        raise failure(content)

    preview = make_preview("secret", redact)
    assert "secret" not in preview and failure.__name__ in preview


def test_an_interrupt_is_not_the_redaction_s_own() -> None:
    def redact(content: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_preview("secret", redact)


def test_what_cannot_be_told_in_json() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError("none")

    assert make_preview({1j}).startswith("{1j")
    assert make_preview(msgspec.Raw(b"\x81\xff")) == "\ufffd" * 2, "packed already, and no JSON"
    assert "ValueError" in make_preview(Odd())


@pytest.mark.parametrize(
    "content",
    [
        [1] * 1000 + [1j],
        [[1] * 200, [1] * 200, [1j]],
        {"a": 1, **dict.fromkeys(map(str, range(1000)), 1), "z": 1j},
        [1, 1, "x" * 1000 + "\udcff"],
        {"a": 1, "x" * 1000 + "\udcff": 1},
    ],
)
def test_large_content_is_not_gone_through(content: Any) -> None:
    preview = make_preview(content)
    assert preview.endswith("...")
    assert preview[1:].lstrip("[").startswith(("1,1,", '"a":1,')), "else it met what is no JSON"


def test_what_lies_deep_is_shown_as_far_as_there_is_room() -> None:
    content: Any = 1j
    for _ in range(10):
        content = {"k": [content, "leaf"]}
    assert make_preview(content) == repr(content), "no JSON, but whole"
    content = []
    content.append(content)
    assert make_preview(content) == "[" * (PREVIEW_BYTES - 3) + "..."


def test_no_character_is_cut_in_two() -> None:
    for text in ("é" * 1_000_000, "a" + "é" * 1_000_000):
        preview = make_preview(text)
        assert preview.endswith("é...") and len(preview.encode()) in (
            PREVIEW_BYTES - 1,
            PREVIEW_BYTES,
        )


@given(st.text(st.characters()), st.integers(10, 50))
def test_a_text_that_can_be_carried(text: str, most: int) -> None:
    cut = cut_text(text, most)
    cut.encode()
    if len(text) <= most and not any("\ud800" <= c <= "\udfff" for c in text):
        assert cut == text


def test_a_long_text_loses_its_middle() -> None:
    assert cut_text("a" * 50 + "b" * 50, 25) == "a" * 10 + " ... " + "b" * 10
    assert cut_text("a" * 25, 25) == "a" * 25
    assert cut_text("\udcff", 25) == "\\udcff"


@given(PLAIN)
def test_a_value_that_can_be_carried(value: Any) -> None:
    made = make_value(value)
    assert len(msgspec.msgpack.encode(made)) <= 4096
    msgspec.json.encode(made)
    assert made == value or made == make_preview(value)


def test_a_value_is_redacted_but_for_numbers() -> None:
    for value in (None, 0, -9, 1.5, True):
        assert make_value(value, len) is value
        assert make_value(value, previews=False) is value
    for content in ("secret", ["secret"], {"secret": 1}, "x" * 5000):
        assert make_value(content, lambda content: "shown") == '"shown"'
        assert make_value(content, previews=False) == "(not shown)"
    assert "redact() failed" in make_value("secret", abs)


def test_values_that_can_and_cannot_be_carried() -> None:
    for value in ({"a": [1, None]}, "x" * 4093):
        assert make_value(value) == value
    for value in (len, "\udcff", 10**40, {(1, 2): 3}, "x" * 4094):
        assert make_value(value) == make_preview(value)
