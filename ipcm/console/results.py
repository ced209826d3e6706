"""What a verb hands back: data, and how people see it.

The data is structs, dataclasses or plain values; machine formats show it whole. Columns and
sections say what of it a table shows, and never hold data of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

__all__ = [
    "Column",
    "Failure",
    "Finished",
    "Frames",
    "Record",
    "Result",
    "Section",
    "Span",
    "Stream",
    "Table",
    "Value",
]

T = TypeVar("T")

Span: TypeAlias = tuple[str, str]
"""A piece of a line, and its style ("" for none)."""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column of a table.

    Attributes:
        title: its heading. cell: the text of a row.
        right: aligned to the right, as numbers are.
        drop: where the screen is narrow, columns with the highest number go first; 0 stays.
        shrink: before any of them goes, this one is cut to a third of the screen.
        style: of a row's cell, on a terminal; "" for none.
    """

    title: str
    cell: Callable[[T], str]
    right: bool = False
    drop: int = 0
    shrink: bool = False
    style: Callable[[T], str] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """One of several things that was asked for and did not work out."""

    what: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """Rows that are all there.

    Attributes:
        kind: type of a row: a struct, whose fields are the columns of csv; or dict.
        empty: what to tell where there are none.
        failures: what of several could not be done; the rows are what could.
    """

    kind: type[T]
    rows: Sequence[T]
    columns: Sequence[Column[T]]
    empty: str = ""
    failures: Sequence[Failure] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a record as people see it: pairs, or a table, or a paragraph."""

    title: str = ""
    pairs: Sequence[tuple[str, str]] = ()
    table: Table[Any] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing with many sides.

    Attributes:
        value: the data. interrupted: the user's interrupt that ended the verb, if one did:
            the record is shown, and the interrupt is how it ended all the same.
    """

    value: Any
    sections: Sequence[Section]
    interrupted: KeyboardInterrupt | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """Anything that can travel on a bus, such as a response."""

    value: Any


@dataclass(frozen=True, slots=True)
class Stream(Generic[T]):
    """Rows as they come.

    Attributes:
        line: a row as people see it.
        fields: a row by the names of `field_names`, for csv.
        endless: it goes on until it is interrupted.
    """

    rows: Iterator[T]
    line: Callable[[T], Sequence[Span]]
    field_names: Sequence[str]
    fields: Callable[[T], Mapping[str, Any]]
    endless: bool


@dataclass(frozen=True, slots=True)
class Frames(Generic[T]):
    """A table again and again; on a terminal each takes the place of the one before."""

    frames: Iterator[Table[T]]
    endless: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """The verb has shown everything itself, and ended with this exit code."""

    exit: int = 0


Result: TypeAlias = Table[Any] | Record | Value | Stream[Any] | Frames[Any] | Finished
