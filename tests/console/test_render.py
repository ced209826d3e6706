"""Results in all formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from ipcm.console.render import FORMATS, Format, PlainOutput, Renderer
from ipcm.console.results import (
    Column,
    Failure,
    Finished,
    Frames,
    Record,
    Result,
    Section,
    Stream,
    Table,
    Value,
)
from ipcm.errors import BusGone, NoSuchPeer, UsageError


class Row(msgspec.Struct):
    name: str
    size: int | None = None
    tags: list[str] = []


COLUMNS: tuple[Column[Row], ...] = (
    Column("NAME", lambda row: row.name),
    Column("SIZE", lambda row: str(row.size), right=True),
)
ROWS = [Row("a", 1), Row("b", None, ["x", "y"])]


def show(result: Result, format: Format, indent: bool = False) -> tuple[str, list[str], int]:
    out: list[str] = []
    told: list[str] = []
    code = Renderer(PlainOutput(out.append), format, told.append, indent).show(result)
    return "".join(out), told, code


def table(rows: list[Row], **more: Any) -> Table[Row]:
    return Table(Row, rows, COLUMNS, **more)


class Screen(PlainOutput):
    screen = 80


def test_csv_steers_no_terminal_and_changes_nothing_for_a_program() -> None:
    said = Value("\x1b[31mred\n\u202e")
    for kind, shown in (
        (PlainOutput, "\x1b[31mred\n\u202e"),
        (Screen, "\\x1b[31mred\n\\u202e"),
    ):
        out: list[str] = []
        Renderer(kind(out.append), "csv", out.append).show(said)
        assert "".join(out) == f'value\n"{shown}"\n'


@pytest.mark.parametrize("format", ["jsonl", "csv", "table"])
def test_many_lines_go_in_few_writes(format: Format) -> None:
    pieces: list[str] = []
    renderer = Renderer(PlainOutput(pieces.append), format, lambda text: None)
    renderer.show(Value(list(range(5000))))
    lines = "".join(pieces).splitlines()
    assert [line for line in lines if line != "value"] == [str(n) for n in range(5000)]
    assert len(pieces) < 10


def test_a_table_in_every_format() -> None:
    assert show(table(ROWS), "table") == ("NAME  SIZE\na        1\nb     None\n", [], 0)
    text, _, _ = show(table(ROWS), "json")
    assert json.loads(text) == [
        {"name": "a", "size": 1, "tags": []},
        {"name": "b", "size": None, "tags": ["x", "y"]},
    ]
    assert text.count("\n") == 1
    text, _, _ = show(table(ROWS), "jsonl")
    assert [json.loads(line)["name"] for line in text.splitlines()] == ["a", "b"]
    text, _, _ = show(table(ROWS), "csv")
    assert list(csv.DictReader(io.StringIO(text))) == [
        {"name": "a", "size": "1", "tags": "[]"},
        {"name": "b", "size": "", "tags": '["x","y"]'},
    ]


def test_a_table_without_rows_is_told_and_still_data() -> None:
    empty = table([], empty="nothing there")
    assert show(empty, "table") == ("", ["nothing there"], 0)
    assert show(empty, "json") == ("[]\n", [], 0)
    assert show(empty, "jsonl") == ("", [], 0)
    assert show(empty, "csv") == ("name,size,tags\n", [], 0)


@pytest.mark.parametrize("format", FORMATS)
def test_failures_are_told_and_make_it_partial(format: Format) -> None:
    failure = Failure("b", NoSuchPeer("b"))
    _, told, code = show(table(ROWS[:1], failures=[failure]), format)
    assert told == ["b: no peer named 'b'; the bus is empty"]
    assert code == 5


def test_a_record_shows_sections_or_data() -> None:
    record = Record(
        Row("a", 1),
        [
            Section(pairs=[("name", "a\x1b")]),
            Section(title="part", text="one\ntwo"),
            Section(table=table(ROWS[:1])),
        ],
    )
    text, _, code = show(record, "table")
    assert text == "name  a\\x1b\n\npart\none\ntwo\n\nNAME  SIZE\na        1\n"
    assert code == 0
    assert json.loads(show(record, "json")[0]) == {"name": "a", "size": 1, "tags": []}
    assert show(record, "csv")[0] == "name,size,tags\na,1,[]\n"


def test_an_interrupted_record_is_shown_and_ends_so() -> None:
    record = Record({"n": 1}, [], interrupted=KeyboardInterrupt())
    assert show(record, "json") == ('{"n":1}\n', [], 130)


@pytest.mark.parametrize(
    ("value", "as_table", "as_csv"),
    [
        ("text\x1b", "text\\x1b\n", "value\ntext\x1b\n"),
        (None, "-\n", "value\n\n"),
        ({"a": 1, "bc": [2]}, "a   1\nbc  [2]\n", "a,bc\n1,[2]\n"),
        ([1, "x"], "1\nx\n", "value\n1\nx\n"),
        ([{"a": 1}, {"b": 2}], "a  b\n1  -\n-  2\n", "a,b\n1,\n,2\n"),
        ([], "", ""),
    ],
)
def test_a_value_in_every_format(value: Any, as_table: str, as_csv: str) -> None:
    assert show(Value(value), "table")[0] == as_table
    assert show(Value(value), "csv")[0] == as_csv.replace("\n\n", '\n""\n')
    assert json.loads(show(Value(value), "json")[0]) == value
    lines = [json.loads(line) for line in show(Value(value), "jsonl")[0].splitlines()]
    assert lines == (value if isinstance(value, list) else [value])


def test_a_json_document_is_broken_into_lines_only_for_people() -> None:
    assert show(Value({"a": 1}), "json", indent=True)[0] == '{\n  "a": 1\n}\n'
    assert show(Value({"a": 1}), "json")[0] == '{"a":1}\n'


def stream(rows: Iterator[Row], endless: bool = False) -> Stream[Row]:
    return Stream(
        rows,
        lambda row: [(row.name, "name"), (f" {row.size}", "")],
        ("size", "name", "gone"),
        lambda row: {"name": row.name, "size": row.size},
        endless,
    )


def test_a_stream_is_written_as_it_comes() -> None:
    written: list[str] = []

    def rows() -> Iterator[Row]:
        for row in ROWS:
            before = len(written)
            yield row
            assert len(written) > before

    Renderer(PlainOutput(written.append), "jsonl", print).show(stream(rows()))
    assert len(written) == 2
    assert show(stream(iter(ROWS)), "table")[0] == "a 1\nb None\n"
    assert show(stream(iter(ROWS)), "csv")[0] == "size,name,gone\n1,a,\n,b,\n"
    assert [row["name"] for row in json.loads(show(stream(iter(ROWS)), "json")[0])] == ["a", "b"]


def test_a_stream_without_end_is_no_json_document() -> None:
    with pytest.raises(UsageError, match="jsonl"):
        show(stream(iter(ROWS), endless=True), "json")
    assert show(stream(iter(ROWS), endless=True), "jsonl")[0]


@pytest.mark.parametrize("end", [KeyboardInterrupt(), BusGone("over")])
def test_a_stream_that_breaks_off_is_a_document_of_what_came(end: BaseException) -> None:
    def rows() -> Iterator[Row]:
        yield ROWS[0]
        raise end

    out: list[str] = []
    with pytest.raises(type(end)):
        Renderer(PlainOutput(out.append), "json", print).show(stream(rows()))
    assert [row["name"] for row in json.loads("".join(out))] == ["a"]


def test_frames_follow_each_other() -> None:
    def frames(endless: bool = False) -> Frames[Row]:
        return Frames(iter([table(ROWS[:1]), table(ROWS[1:])]), endless)

    assert show(frames(), "table")[0] == "NAME  SIZE\na        1\n\nNAME  SIZE\nb     None\n"
    assert show(frames(), "csv")[0] == 'name,size,tags\na,1,[]\nb,,"[""x"",""y""]"\n'
    assert len(show(frames(), "jsonl")[0].splitlines()) == 2
    assert [len(frame) for frame in json.loads(show(frames(), "json")[0])] == [1, 1]
    one = Frames(iter([table(ROWS)]), False)
    assert [row["name"] for row in json.loads(show(one, "json")[0])] == ["a", "b"]
    with pytest.raises(UsageError):
        show(frames(endless=True), "json")


def test_a_verb_that_showed_everything_itself() -> None:
    assert show(Finished(3), "table") == ("", [], 3)
