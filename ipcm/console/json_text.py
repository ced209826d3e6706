"""JSON while it is being typed: its pieces, and what can come at its end.

Broken and unfinished text is read as far as it goes; whether it is right is for a real parser
to say. `$_.path` stands where a value does.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

__all__ = ["Path", "Piece", "PieceKind", "Spot", "locate", "scan"]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices, from the outside in."""

PieceKind: TypeAlias = Literal[
    "key", "string", "number", "constant", "reference", "bracket", "mark"
]

_PLAIN: Final = re.compile(r'[^\s{}\[\],:"]+')
_NUMBER: Final = re.compile(r"-?[0-9][0-9.eE+-]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """One token.

    Attributes:
        path: of the value; that of a key is the one of its value.
        start, end: its place.
    """

    kind: PieceKind
    start: int
    end: int
    path: Path


@dataclass(frozen=True, slots=True)
class Spot:
    """The end of a text that goes on.

    Attributes:
        expects: what can come: a key, a value, or nothing but a colon, comma or bracket.
        path: of that value; of the object whose key it is.
        start: where what has been typed of it begins. begin: that, without its quote.
        keys: those that the object has already.
    """

    expects: Literal["key", "value", "mark"]
    path: Path
    start: int
    begin: str = ""
    keys: tuple[str, ...] = ()


@dataclass(slots=True)
class _Frame:
    """An object or array that is not closed yet."""

    is_object: bool
    path: Path
    keys: list[str] = field(default_factory=list)
    count: int = 0

    def value_path(self) -> Path:
        step = self.keys[-1] if self.keys else self.count
        return (*self.path, step)


def scan(text: str) -> tuple[list[Piece], Spot]:
    """The pieces of a text, and what can come at its end."""
    return _Scanner(text).run()


def locate(text: str, path: Path) -> tuple[int, int]:
    """Where the value at a path stands, or the innermost there is around it."""
    pieces, _ = scan(text)
    for length in range(len(path), -1, -1):
        own = [p for p in pieces if p.path == path[:length] and p.kind not in ("key", "mark")]
        if own:
            return own[0].start, own[-1].end
    return 0, len(text)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces: list[Piece] = []
        self._frames: list[_Frame] = []
        self._expects: Literal["key", "value", "mark"] = "value"

    def run(self) -> tuple[list[Piece], Spot]:
        text, at = self._text, 0
        while at < len(text):
            character = text[at]
            if character.isspace():
                at += 1
                continue
            if character == '"':
                end, closed = _string_end(text, at)
                if not closed:
                    spot = self._spot(at, text[at + 1 :])
                    self._add("key" if self._expects == "key" else "string", at, end)
                    return self._pieces, spot
                self._take_string(at, end)
            elif character in "{}[],:":
                end = at + 1
                self._take_mark(character, at)
            else:
                found = _PLAIN.match(text, at)
                assert found is not None  # every other character is taken above
                end = found.end()
                if end == len(text):
                    spot = self._spot(at, found[0])
                    self._take_plain(found[0], at, end)
                    return self._pieces, spot
                self._take_plain(found[0], at, end)
            at = end
        return self._pieces, self._spot(len(text), "")

    def _spot(self, start: int, begin: str) -> Spot:
        if self._expects == "key":
            frame = self._frames[-1]
            return Spot("key", frame.path, start, begin, tuple(frame.keys))
        return Spot(self._expects, self._path(), start, begin)

    def _path(self) -> Path:
        return self._frames[-1].value_path() if self._frames else ()

    def _add(self, kind: PieceKind, start: int, end: int) -> None:
        self._pieces.append(Piece(kind, start, end, self._path()))

    def _take_string(self, start: int, end: int) -> None:
        if self._expects == "key":
            self._frames[-1].keys.append(_read_string(self._text[start:end]))
            self._add("key", start, end)
        else:
            self._add("string", start, end)
        self._expects = "mark"

    def _take_plain(self, word: str, start: int, end: int) -> None:
        if word.startswith("$_"):
            self._add("reference", start, end)
        else:
            self._add("number" if _NUMBER.fullmatch(word) else "constant", start, end)
        self._expects = "mark"

    def _take_mark(self, mark: str, at: int) -> None:
        frames = self._frames
        if mark in "{[":
            self._add("bracket", at, at + 1)
            frames.append(_Frame(mark == "{", self._path()))
            self._expects = "key" if mark == "{" else "value"
        elif mark in "}]":
            del frames[-1:]
            self._add("bracket", at, at + 1)
            self._expects = "mark"
        else:
            self._add("mark", at, at + 1)
            if mark == ":" or not frames:
                self._expects = "value"
            else:
                frames[-1].count += 1
                self._expects = "key" if frames[-1].is_object else "value"


def _string_end(text: str, start: int) -> tuple[int, bool]:
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            return at + 1, True
        at += 1
    return len(text), False


def _read_string(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text[1:-1]
    return value if isinstance(value, str) else text
