"""The predicate language: what it means, and where it says that something is wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ipcm.console.peers import PEER_FIELDS, PeerRow
from ipcm.console.predicate import PredicateError, parse_predicate
from ipcm.console.predicate_fields import (
    ALL_OPERATORS,
    Fields,
    Kind,
    Misread,
    operators_of,
    read_value,
)
from ipcm.errors import UsageError

FIELDS = Fields(
    {
        "name": Kind.TEXT,
        "state": Kind.TEXT,
        "up": Kind.FLAG,
        "errors": Kind.NUMBER,
        "p50": Kind.SECONDS,
        "p95": Kind.SECONDS,
        "rss": Kind.BYTES,
        "cpu": Kind.PERCENT,
    }
)
INDEXER = {
    "name": "indexer", "state": "running", "up": True, "errors": 2, "p50": 0.001, "p95": 0.03,
    "rss": 50_000_000, "cpu": 12.5,
}  # fmt: skip


def holds(text: str, row: Any = INDEXER) -> bool:
    return parse_predicate(text, FIELDS)(row)


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "ind", "IND", "name~=ind", "name~=^INDEX", "name=indexer", "name='indexer'",
        "name!=store", "name!~^store", "up=true", "up=yes", "up!=false",
        "p95>20ms", "p95 > 20 ms", "p95<=30ms", "p95>=0.03", "p95<1s", "p95<1m", "p95>10us",
        "rss>40MB", "rss>40M", "rss<48MiB", "rss=50000k", "cpu>12%", "cpu>12", "errors=2",
        "errors<1k", "name~=ind p95>20ms and not errors=0", "no or ind", "not (store or probe)",
        "not not ind", "store or ind and errors=2", "(store or ind) errors=2", "NAME=indexer",
        "ind AND errors=2", "store or state~='run|end'",
    ],
)  # fmt: skip
def test_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "store", "name=Indexer", "name~=^dexer", "p95>30ms", "p95>1m", "rss>50MB", "rss>48MiB",
        "errors=0", "not ind", "ind errors=0", "(store or ind) errors=0", "up=no",
        "store or ind and errors=0",
    ],
)  # fmt: skip
def test_does_not_hold(text: str) -> None:
    assert not holds(text)


def test_without_a_value_no_comparison_holds() -> None:
    client = {"name": "me", "errors": None}
    for operator in ("=", "!=", "<", "<=", ">", ">="):
        assert not holds(f"errors{operator}0", client)
        assert holds(f"not errors{operator}0", client)
        assert not holds(f"p95{operator}0", client)
    assert not holds("state!~x", client) and not holds("state~=.*", client)
    assert holds("errors=none state=none", client) and not holds("errors!=none", client)
    assert holds("errors!=none") and not holds("errors=none")
    assert not holds("on", {"name": None}) and holds("ind", {"name": "INDEXER"})
    assert holds('name="none"', {"name": "none"}) and not holds("name=none", {"name": "none"})


def test_a_text_is_compared_with_what_is_shown_of_a_value() -> None:
    assert holds("state=5 state~=^5 state!=x", {"state": 5})


def test_rows_are_mappings_or_objects() -> None:
    predicate = parse_predicate("ind errors>1", FIELDS)
    assert predicate(INDEXER) and predicate(SimpleNamespace(**INDEXER))
    assert not predicate(SimpleNamespace(name="indexer"))


def test_fields_of_a_struct() -> None:
    row = PeerRow(
        when=0.0,
        name="x",
        kind="service",
        pid=1,
        state="busy",
        busy=3.0,
        uptime=4000.0,
        rss=2_000_000,
    )
    for text in ("busy>2s", "uptime>1h", "uptime<1h10m", "rss>1MiB", "state=busy", "cpu=none"):
        assert parse_predicate(text, PEER_FIELDS)(row), text
    with pytest.raises(PredicateError):
        parse_predicate("uptime>1MiB", PEER_FIELDS)


@pytest.mark.parametrize(
    ("text", "at", "parts"),
    [
        ("p59>20ms", 0, ["no field 'p59'", "p95"]),
        ("ind xyzzy=1", 4, ["no field 'xyzzy'", "name, state, up"]),
        ("p95>20x", 6, ["'x' is no unit of p95", "ms"]),
        ("p95>20MiB", 6, ["no unit", "s, us"]),
        ("p95>fast", 4, ["a span of time", "20ms", "'fast'"]),
        ("errors=x", 7, ["a number"]),
        ("rss>1M5", 6, ["one figure"]),
        ("up=maybe", 3, ["true or false"]),
        ("up<true", 2, ["= !="]),
        ("name<b", 4, ["text", "~="]),
        ("errors~=5", 6, ["a number", ">="]),
        ("errors<none", 6, ["none"]),
        ("p95>>5", 3, ["no operator '>>'", "!="]),
        ("name==x", 4, ["no operator '=='"]),
        (">5", 0, ["a field is missing"]),
        ("p95>", 4, ["a value is missing behind >"]),
        ("p95> and ind", 5, ["a value is missing"]),
        ("name~=(a|b)", 6, ["quotes"]),
        ("(ind", 0, ["never closed"]),
        ("ind (a (b)", 4, ["never closed"]),
        ("ind)", 3, ["no ( that this closes"]),
        ("()", 1, ["missing here"]),
        ("ind or", 6, ["missing here"]),
        ("or ind", 0, ["missing here"]),
        ("not", 3, ["missing here"]),
        ("ind and and", 8, ["missing here"]),
        ("name='x", 5, ["quote"]),
        ("name~='a(b'", 8, ["regular expression", "unterminated"]),
        ("not " * 200, 200, ["nested"]),
        ("(" * 2000, 50, ["nested"]),
    ],
)
def test_an_error_says_what_and_where(text: str, at: int, parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse_predicate(text, FIELDS)
    error = caught.value
    assert isinstance(error, PredicateError)
    assert (error.text, error.at) == (text, at)
    assert all(part in error.reason for part in parts), error.reason
    shown = str(error).splitlines()
    assert error.reason in shown[0] and shown[2].strip() == "^"
    place = shown[2].index("^")
    assert shown[1][place : place + 1] == text[at : at + 1]


def test_the_place_of_an_error_is_under_it_behind_wide_characters() -> None:
    with pytest.raises(UsageError) as caught:
        parse_predicate("name='漢字' )", FIELDS)
    shown = str(caught.value).splitlines()
    assert cell_len(shown[1][: shown[1].index(")")]) == shown[2].index("^")


FIGURES = ("0", "2", "1.5", ".5", "3e2", "-1")
UNITS = {
    Kind.NUMBER: ("", "k", "M"),
    Kind.SECONDS: ("", "us", "ms", "s", "m", "h", "d"),
    Kind.BYTES: ("", "B", "k", "MB", "MiB"),
    Kind.PERCENT: ("", "%"),
}


def values(kind: Kind) -> st.SearchStrategy[str]:
    if kind is Kind.FLAG:
        return st.sampled_from(["true", "false", "yes", "no", "none"])
    if kind is Kind.TEXT:
        return st.sampled_from(["ind", "running", '"a b"', "'or'", r'"\"x"', '""', "none"])
    return st.builds(str.__add__, st.sampled_from(FIGURES), st.sampled_from(UNITS[kind]))


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    field = draw(st.sampled_from(sorted(FIELDS.kinds)))
    kind = FIELDS.kinds[field]
    value = draw(values(kind))
    operators = ("=", "!=") if value == "none" else operators_of(kind)
    space = draw(st.sampled_from(["", " "]))
    return f"{field}{space}{draw(st.sampled_from(operators))}{space}{value}"


PREDICATES = st.recursive(
    comparisons() | st.sampled_from(["ind", "'and'", "x.y", '"("']),
    lambda inner: (
        st.builds("({})".format, inner)
        | st.builds("not {}".format, inner.map("({})".format))
        | st.builds(
            "{}{}{}".format, inner, st.sampled_from([" ", " and ", " or ", "  AND  "]), inner
        )
    ),
    max_leaves=8,
)
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["indexer", "or", "a b", "none", '"x']),
        "state": st.none() | st.sampled_from(["running", "ind"]),
        "up": st.none() | st.booleans(),
        "errors": st.none() | st.integers(0, 3),
        "p95": st.none() | st.sampled_from([0.0, 0.0015, 2.0, 90.0]),
        "rss": st.none() | st.sampled_from([0, 1500, 1_572_864]),
        "cpu": st.none() | st.sampled_from([0.0, 1.5, 300.0]),
    },
)


@given(PREDICATES, PREDICATES, ROWS)
def test_it_is_an_algebra(one: str, other: str, row: dict[str, Any]) -> None:
    a, b = holds(one, row), holds(other, row)
    assert holds(f"not ({one})", row) == (not a)
    assert holds(f"({one}) ({other})", row) == holds(f"({one}) and ({other})", row) == (a and b)
    assert holds(f"({one}) or ({other})", row) == (a or b)
    assert holds(f"not (({one}) or ({other}))", row) == holds(f"not ({one}) and not ({other})", row)


@given(PREDICATES, ROWS)
def test_in_full_it_means_the_same(text: str, row: dict[str, Any]) -> None:
    predicate = parse_predicate(text, FIELDS)
    again = parse_predicate(str(predicate), FIELDS)
    assert str(again) == str(predicate)
    assert again(row) == predicate(row)


TOKENS = ["(", ")", "and", "or", "not", "ind", "p95", "name", "up", "20", "ms", "none", "'", '"x"']


@given(
    st.lists(st.sampled_from([*TOKENS, *ALL_OPERATORS, " "]), max_size=12).map("".join)
    | st.text(max_size=40),
    ROWS,
)
def test_any_text_is_read_or_refused_with_its_place(text: str, row: dict[str, Any]) -> None:
    try:
        predicate = parse_predicate(text, FIELDS)
    except PredicateError as error:
        assert 0 <= error.at <= len(text) and error.reason  # noqa: PT017 (some are read)
    else:
        assert predicate(row) in (True, False)
        assert parse_predicate(str(predicate), FIELDS)(row) == predicate(row)


@given(st.floats(0, 1e6), st.sampled_from(sorted(UNITS, key=str)))
def test_figures_without_a_unit_are_what_the_rows_have(figure: float, kind: Kind) -> None:
    assert read_value("x", kind, repr(figure)) == figure


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.SECONDS, "1h30m", 5400.0), (Kind.SECONDS, "3m05s", 185.0),
        (Kind.SECONDS, "2d", 172800.0), (Kind.SECONDS, "250us", 0.00025),
        (Kind.SECONDS, "250µs", 0.00025), (Kind.BYTES, "1KiB", 1024.0), (Kind.BYTES, "1kB", 1000.0),
        (Kind.BYTES, "2GiB", 2.0**31), (Kind.NUMBER, "1.5k", 1500.0), (Kind.PERCENT, "5%", 5.0),
    ],
)  # fmt: skip
def test_units(kind: Kind, text: str, value: float) -> None:
    assert read_value("x", kind, text) == pytest.approx(value)
    with pytest.raises(Misread):
        read_value("x", kind, text + "!")
