"""What is shown, as text for a file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final, Literal, TypeAlias

import msgspec

from ipcm.console.encode import csv_line, plain_value, to_json
from ipcm_tui.models.traffic import Row

__all__ = ["Kind", "file_name", "rows_as_csv", "rows_as_json", "traffic_as_jsonl"]

Kind: TypeAlias = Literal["csv", "json", "jsonl", "svg"]

_UNSAFE: Final = re.compile(r"[^\w.-]+")
_HIDDEN: Final = frozenset({"seen", "stale", "lost_before", "number"})


def rows_as_csv(rows: Sequence[msgspec.Struct], kind: type[msgspec.Struct]) -> str:
    """A heading, and a line for each row; `kind` is their type, also where there are none."""
    names = kind.__struct_fields__
    lines = [csv_line(names)]
    lines += [csv_line(getattr(row, name) for name in names) for row in rows]
    return "".join(lines)


def rows_as_json(rows: Sequence[msgspec.Struct]) -> str:
    """One document: a list of objects."""
    return to_json(list(rows), indent=True) + "\n"


def traffic_as_jsonl(rows: Iterable[Row]) -> str:
    """An object a line, the newest last."""
    return "".join(to_json(_row(row)) + "\n" for row in rows)


def _row(row: Row) -> Any:
    fields = {
        field.name: getattr(row, field.name)
        for field in dataclasses.fields(row)
        if field.name not in _HIDDEN
    }
    return plain_value(fields)


def file_name(bus: str, what: str, kind: Kind, when: float, zone: tzinfo | None = None) -> str:
    """`ipcm-demo-services-20231114-221320.csv`; `when` in seconds since the epoch."""
    stamp = datetime.fromtimestamp(when, zone).strftime("%Y%m%d-%H%M%S")
    safe = _UNSAFE.sub("_", bus)[:60]
    return f"ipcm-{safe}-{what}-{stamp}.{kind}"
