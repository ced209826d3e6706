"""What is typed for a service, read into what is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import Signals
from typing import Any

from ipcm._os.signal_names import parse_signal
from ipcm.console.caret import point_at
from ipcm.errors import UsageError

__all__ = [
    "is_endpoint",
    "loads",
    "parse_argument",
    "parse_arguments",
    "parse_json",
    "parse_request",
    "parse_signal_word",
]

_WORDS = ("true", "false", "null")
_SHOWN = 60
_MOST_DIGITS = 9

Read = Callable[[], bytes] | None


def parse_request(words: Sequence[str], read_input: Read = None) -> Any:
    """Reads what follows the peer: `[ENDPOINT] [JSON]`.

    A word that is a Python identifier other than true, false, null is an endpoint, and the JSON
    its arguments; anything else is the raw payload. JSON may come from `@FILE`, or from
    standard input as `-`.

    Raises:
        UsageError: it cannot be read that way; says where.
    """
    if not words:
        raise UsageError("nothing to ask: give an endpoint, or a JSON payload")
    first, *rest = words
    if not is_endpoint(first):
        if rest:
            raise UsageError(
                f"unexpected {_short(rest[0])} behind the payload; JSON with spaces is one word "
                "in quotes"
            )
        return parse_json(first, "the payload", read_input)
    if len(rest) > 1:
        raise UsageError(
            f"unexpected {_short(rest[1])} behind the arguments; `ipcm call` takes key=value"
        )
    args = parse_json(rest[0], f"what is given to {first}", read_input) if rest else {}
    if not isinstance(args, dict):
        raise UsageError(f"the arguments of {first} are a JSON object, not {_short(rest[0])}")
    return {"endpoint": first, "args": args}


def is_endpoint(word: str) -> bool:
    """Whether the first word behind the peer is an endpoint, and no payload."""
    return word.isidentifier() and word not in _WORDS


def parse_arguments(items: Sequence[str]) -> dict[str, Any]:
    """Reads `key=value` (JSON where it is some, else text) and `key:=JSON`.

    Raises:
        UsageError: an item is neither, a key comes twice, or `:=` is followed by no JSON.
    """
    args: dict[str, Any] = {}
    for item in items:
        key, value = parse_argument(item)
        if key in args:
            raise UsageError(f"{key} is given twice")
        args[key] = value
    return args


def parse_argument(item: str) -> tuple[str, Any]:
    """Reads one of those; raises UsageError."""
    key, equals, text = item.partition("=")
    strict = key.endswith(":")
    key = key.removesuffix(":")
    if not equals or not key:
        raise UsageError(f"{_short(item)} is not KEY=VALUE or KEY:=JSON")
    return key, parse_json(text, f"the value of {key}") if strict else _json_or_text(text)


def _json_or_text(text: str) -> Any:
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return text


def parse_json(word: str, what: str, read_input: Read = None) -> Any:
    """Reads JSON as typed, from `@FILE`, or from standard input as `-`.

    Args:
        what: how an error names it. read_input: None where there is no standard input.

    Raises:
        UsageError: it is not JSON, with its place and a caret; or it cannot be read.
    """
    text = _source(word, what, read_input)
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(_explain(text, what, error)) from None
    except RecursionError:
        raise UsageError(f"{what} is nested too deeply") from None
    except ValueError as error:
        raise UsageError(f"{what} is not JSON: {error}") from None


def parse_signal_word(word: str) -> Signals:
    """Reads the name of a signal, or its number.

    Raises:
        NoSuchSignal: it is neither.
    """
    is_number = word.isdecimal() and len(word) <= _MOST_DIGITS
    return parse_signal(int(word) if is_number else word)


def _source(word: str, what: str, read_input: Read) -> str:
    try:
        if word in ("-", "@-"):  # the latter is what users of curl type
            if read_input is None:
                raise UsageError(f"{what} cannot come from standard input here")
            return read_input().decode()
        if word.startswith("@"):
            return Path(word[1:]).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{what} is not UTF-8 (byte {error.start})") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{what} cannot be read from {_short(word[1:])}: {why}") from None
    return word


def loads(text: str) -> Any:
    """Reads JSON, without the numbers that are none; raises ValueError, RecursionError."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")


def _explain(text: str, what: str, error: json.JSONDecodeError) -> str:
    why = error.msg[:1].lower() + error.msg[1:]
    place = f"line {error.lineno}, column {error.colno}"
    # As JSON counts lines: other separators than \n are part of a line.
    line = text.split("\n")[error.lineno - 1]
    lines = [f"{what} is not JSON: {why} at {place}"]
    if line.strip():
        lines += point_at(line, error.colno - 1)
    if "'" in text and '"' not in text:
        lines.append('JSON wants "double quotes"')
    elif text and not text.lstrip().startswith(("{", "[", '"')):
        lines.append("text needs double quotes, inside of the shell's: '\"text\"'")
    return "\n".join(lines)


def _short(word: str) -> str:
    text = repr(word)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
