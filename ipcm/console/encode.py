"""Results as JSON and CSV: whatever a verb hands back can be written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

__all__ = ["cell_text", "csv_line", "plain_value", "to_json"]

# JSON leaves these as they are, and terminals obey them: 8-bit controls, and what turns the
# direction of the text that follows.
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def plain_value(value: Any) -> Any:
    """The value as dicts with str keys, lists, str, numbers, bool and None.

    Structs and dataclasses become dicts; bytes base64, dates ISO 8601; what is unknown its repr.
    """
    try:
        return msgspec.to_builtins(value, str_keys=True, enc_hook=repr)
    except (TypeError, ValueError):
        return _plain_by_hand(value)


def _plain_by_hand(value: Any) -> Any:
    """For dicts with keys that msgspec does not take, such as None or tuples."""
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else str(key): _plain_by_hand(each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain_by_hand(each) for each in value]
    try:
        return msgspec.to_builtins(value, str_keys=True, enc_hook=repr)
    except (TypeError, ValueError):
        return repr(value)


def to_json(value: Any, indent: bool = False) -> str:
    """The value as one JSON document; not-a-number and infinities become null."""
    plain = plain_value(value)
    try:
        raw = msgspec.json.encode(plain)
    except UnicodeEncodeError:
        raw = msgspec.json.encode(_without_surrogates(plain))
    if indent:
        raw = msgspec.json.format(raw, indent=2)
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", raw.decode())


def cell_text(value: Any) -> str:
    """The value as people read it in a table: "-" for None, a str as it is, else JSON."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else to_json(value)


def _without_surrogates(value: Any) -> Any:
    """Strings with half characters (file names that are no text) have them escaped."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    return value


def csv_line(cells: Iterable[Any]) -> str:
    """One line of CSV (RFC 4180, but with a plain newline), its end included.

    None is empty; lists and dicts are their JSON.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_csv_cell(cell) for cell in cells])
    return out.getvalue()


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if type(value) is int:  # as below, in a tenth of the time
        return str(value)
    if isinstance(value, Mapping | list | tuple):
        return to_json(value)
    text = to_json(value)
    # A struct's enum, date or bytes come out quoted; in a cell they are bare.
    return msgspec.json.decode(text, type=str) if text.startswith('"') else text
