"""Tables and lines, aligned and cut."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ipcm.console.layout import cut, lay_out, pair_lines
from ipcm.console.results import Column, Span, Table

Row = tuple[str, int]

COLUMNS: tuple[Column[Row], ...] = (
    Column("NAME", lambda row: row[0]),
    Column("N", lambda row: str(row[1]), right=True, drop=1),
    Column("NEGATED", lambda row: str(-row[1]), drop=2),
)


def text(line: list[Span]) -> str:
    return "".join(piece for piece, _ in line)


def table(*rows: Row) -> Table[Row]:
    return Table(tuple, rows, COLUMNS)


def test_columns_are_aligned_without_trailing_space() -> None:
    assert [text(line) for line in lay_out(table(("a", 1), ("long", 100)))] == [
        "NAME    N  NEGATED",
        "a       1  -1",
        "long  100  -100",
    ]


def test_columns_go_until_it_fits_the_least_important_first() -> None:
    lines = [text(line) for line in lay_out(table(("a", 1)), screen=10)]
    assert lines == ["NAME  N", "a     1"]
    lines = [text(line) for line in lay_out(table(("a", 1)), screen=5)]
    assert lines == ["NAME", "a"]
    # The first column stays even so.
    assert text(lay_out(table(("a", 1)), screen=1)[0]) == "NAME"


def test_a_long_name_is_cut_before_it_costs_the_figures() -> None:
    columns = (dataclasses.replace(COLUMNS[0], shrink=True), *COLUMNS[1:])
    long = Table(tuple, [("a" * 50, 1), ("漢" * 25, 2)], columns)

    def lines(screen: int) -> list[str]:
        return [text(line) for line in lay_out(long, screen)]

    assert lines(80)[1] == "a" * 50 + "  1  -1"
    assert lines(40) == [
        "NAME" + " " * 26 + "N  NEGATED",
        "a" * 25 + "...  1  -1",
        "漢" * 12 + "...   2  -2",
    ]
    assert lines(24)[1] == "a" * 18 + "...  1"
    assert lines(10)[1] == "a" * 17 + "..."


def test_wide_characters_keep_columns_in_line() -> None:
    assert [text(line) for line in lay_out(table(("漢字", 1), ("e\u0301tude", 20)))] == [
        "NAME    N  NEGATED",
        "漢字    1  -1",
        "e\u0301tude  20  -20",
    ]
    assert text(pair_lines([("漢字", "1"), ("word", "2")])[0]) == "漢字  1"


def test_cells_cannot_break_the_table() -> None:
    assert text(lay_out(table(("a\nb\x1b", 1)))[1]).startswith("a\\nb\\x1b  ")


def test_pairs() -> None:
    assert [text(line) for line in pair_lines([("a", "1"), ("long", "x\ny")])] == [
        "a     1",
        "long  x\\ny",
    ]
    assert pair_lines([]) == []


def test_long_values_take_several_lines_where_there_is_an_end_of_the_line() -> None:
    pairs = [("a", "some words that are too long"), ("long", "x")]
    assert [text(line) for line in pair_lines(pairs, 26)] == [
        "a     some words that are",
        "      too long",
        "long  x",
    ]
    assert text(pair_lines(pairs, 30)[1]) == "      long"
    assert text(pair_lines(pairs)[0]) == "a     some words that are too long"
    path = "/a/path-that/is/to-be/copied"
    assert text(pair_lines([("route", path)], 26)[0]) == f"route  {path}"


@given(st.lists(st.text(alphabet="ab漢 e\u0301", max_size=12), max_size=6), st.integers(0, 40))
def test_a_line_is_never_wider_than_the_screen(pieces: list[str], screen: int) -> None:
    line: list[Span] = [(piece, "") for piece in pieces]
    kept = cut(line, screen)
    assert cell_len(text(kept)) <= screen
    if cell_len(text(line)) <= screen:
        assert text(kept) == text(line)
    else:
        dots = "..."[:screen]
        assert text(kept).endswith(dots)
        assert text(line).startswith(text(kept).removesuffix(dots))
