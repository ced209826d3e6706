"""Results as table, json, jsonl or csv on an output."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias, assert_never

from ipcm.console.cells import clean
from ipcm.console.encode import cell_text, csv_line, plain_value, to_json
from ipcm.console.exits import exit_for, exit_for_failures
from ipcm.console.layout import cut, lay_out, pair_lines
from ipcm.console.results import (
    Column,
    Finished,
    Frames,
    Record,
    Result,
    Section,
    Span,
    Stream,
    Table,
    Value,
)
from ipcm.errors import UsageError

__all__ = ["FORMATS", "Format", "Output", "PlainOutput", "Renderer", "below"]

Format: TypeAlias = Literal["table", "json", "jsonl", "csv"]

_TOGETHER: Final = 1000
"""Lines in one write."""

FORMATS: Final[tuple[Format, ...]] = ("table", "json", "jsonl", "csv")


class Output(Protocol):
    """Where the text goes.

    Attributes: screen: columns of a line, or None where that does not matter.
    """

    @property
    def screen(self) -> int | None: ...

    def write(self, text: str) -> None:
        """Writes and flushes."""

    def write_line(self, line: Sequence[Span]) -> None:
        """Writes one line, styled where the output can."""

    def refreshing(self) -> contextlib.AbstractContextManager[Callable[[list[list[Span]]], None]]:
        """In the block, each call shows lines in the place of those before."""


class PlainOutput:
    """Text without styles, to a file or pipe.

    Args:
        write: writes text, and flushes.
    """

    screen: int | None = None

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write

    def write_line(self, line: Sequence[Span]) -> None:
        """See `Output`; without trailing space."""
        self.write("".join(text for text, _ in line).rstrip() + "\n")

    @contextlib.contextmanager
    def refreshing(self) -> Iterator[Callable[[list[list[Span]]], None]]:
        """See `Output`; here the frames follow each other."""
        yield below(self)


def below(output: Output) -> Callable[[list[list[Span]]], None]:
    """Shows lines below those before, an empty line in between."""
    count = itertools.count()

    def show(lines: list[list[Span]]) -> None:
        if next(count):
            output.write("\n")
        for line in lines:
            output.write_line(line)

    return show


class Renderer:
    """Shows results in one format.

    Args:
        format: of FORMATS. narrate: tells the user what is no data.
        indent: whether a JSON document is broken into lines, for people.
    """

    def __init__(
        self,
        output: Output,
        format: Format,
        narrate: Callable[[str], None],
        indent: bool = False,
    ) -> None:
        self._output = output
        self._format = format
        self._narrate = narrate
        self._indent = indent

    def show(self, result: Result) -> int:
        """Shows the result, to its end.

        Returns:
            The exit code.

        Raises:
            UsageError: the format cannot show this.
            Whatever ends a stream: after all that came before it has been shown.
        """
        match result:
            case Table():
                return self._show_table(result)
            case Record():
                self._show_record(result)
                return exit_for(result.interrupted) if result.interrupted else 0
            case Value():
                self._show_value(result.value)
            case Stream():
                self._show_stream(result)
            case Frames():
                self._show_frames(result)
            case Finished():
                return result.exit
            case _:
                assert_never(result)
        return 0

    # Tables

    def _show_table(self, table: Table[Any]) -> int:
        if self._format == "table":
            if table.rows:
                for line in self._lines(table):
                    self._output.write_line(line)
            elif table.empty:
                self._narrate(table.empty)
        else:
            self._write_rows(table)
        for failure in table.failures:
            self._narrate(f"{failure.what}: {failure.error}")
        return exit_for_failures(table.failures, len(table.rows))

    def _lines(self, table: Table[Any]) -> list[list[Span]]:
        screen = self._output.screen
        lines = lay_out(table, screen)
        return lines if screen is None else [cut(line, screen) for line in lines]

    def _write_rows(self, table: Table[Any], heading: bool = True) -> None:
        if self._format == "json":
            self._write_document(list(table.rows))
        elif self._format == "jsonl":
            self._write_together(to_json(row) + "\n" for row in table.rows)
        else:
            rows = [plain_value(row) for row in table.rows]
            names = getattr(table.kind, "__struct_fields__", None) or _keys(rows)
            self._write_csv(rows, names, heading)

    def _write_csv(self, rows: Sequence[Any], names: Sequence[str], heading: bool = True) -> None:
        lines = (self._csv_line(row.get(name) for name in names) for row in rows)
        heads = [self._csv_line(names)] if heading and names else []
        self._write_together(itertools.chain(heads, lines))

    def _csv_line(self, cells: Iterable[Any]) -> str:
        line = csv_line(cells)
        # CSV has no escapes: for a program it is what was said, for a terminal what is harmless.
        return line if self._output.screen is None else clean(line, keep_lines=True) + "\n"

    def _write_together(self, lines: Iterable[str]) -> None:
        """What is there already: a write of its own for each line would take far longer."""
        left = iter(lines)
        while some := "".join(itertools.islice(left, _TOGETHER)):
            self._output.write(some)

    def _write_document(self, value: Any) -> None:
        self._output.write(to_json(value, self._indent) + "\n")

    # Records and values

    def _show_record(self, record: Record) -> None:
        if self._format != "table":
            self._show_value(record.value)
            return
        for number, section in enumerate(record.sections):
            if number:
                self._output.write("\n")
            self._show_section(section)

    def _show_section(self, section: Section) -> None:
        if section.title:
            self._output.write_line([(clean(section.title), "heading")])
        if section.text:
            self._output.write(clean(section.text, keep_lines=True) + "\n")
        for line in pair_lines(section.pairs, self._output.screen):
            self._output.write_line(line)
        if section.table is not None:
            for line in self._lines(section.table):
                self._output.write_line(line)

    def _show_value(self, value: Any) -> None:
        if self._format == "json":
            self._write_document(value)
            return
        value = plain_value(value)
        rows = value if isinstance(value, list) else [value]
        if self._format == "jsonl":
            self._write_together(to_json(row) + "\n" for row in rows)
            return
        if self._format == "table" and isinstance(value, dict):
            for line in pair_lines([(clean(k), cell_text(v)) for k, v in value.items()]):
                self._output.write_line(line)
            return
        tabular = all(isinstance(row, dict) for row in rows)
        if self._format == "csv":
            rows = rows if tabular else [{"value": row} for row in rows]
            self._write_csv(rows, _keys(rows))
        elif tabular and rows:
            columns = [_key_column(key) for key in _keys(rows)]
            self._show_table(Table(dict, rows, columns))
        else:
            self._write_together(clean(cell_text(row), keep_lines=True) + "\n" for row in rows)

    # Streams

    def _show_stream(self, stream: Stream[Any]) -> None:
        if self._format == "json":
            self._show_collected(stream)
            return
        if self._format == "csv":
            self._output.write(self._csv_line(stream.field_names))
        for row in stream.rows:
            if self._format == "jsonl":
                self._output.write(to_json(row) + "\n")
            elif self._format == "csv":
                values = stream.fields(row)
                self._output.write(self._csv_line(values.get(n) for n in stream.field_names))
            else:
                self._output.write_line(self._stream_line(stream, row))

    def _stream_line(self, stream: Stream[Any], row: Any) -> Sequence[Span]:
        line = [(clean(text), style) for text, style in stream.line(row)]
        screen = self._output.screen
        return line if screen is None else cut(line, screen)

    def _show_collected(self, stream: Stream[Any]) -> None:
        _refuse_endless(stream.endless)
        rows: list[Any] = []
        try:
            for row in stream.rows:
                rows.append(row)  # noqa: PERF402 (what came before an error is kept)
        finally:
            # What came before an error or interrupt is still one document.
            self._write_document(rows)

    def _show_frames(self, frames: Frames[Any]) -> None:
        if self._format == "table":
            with self._output.refreshing() as show:
                for table in frames.frames:
                    show(self._lines(table))
        elif self._format == "json":
            _refuse_endless(frames.endless)
            collected = [list(table.rows) for table in frames.frames]
            self._write_document(collected[0] if len(collected) == 1 else collected)
        else:
            for number, table in enumerate(frames.frames):
                self._write_rows(table, heading=not number)


def _refuse_endless(endless: bool) -> None:
    if endless:
        raise UsageError(
            "-o json is one document, and this has no end: say how long (--seconds, -n), "
            "or use -o jsonl"
        )


def _keys(rows: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _key_column(key: str) -> Column[Any]:
    return Column(clean(key), lambda row: cell_text(row.get(key)))
