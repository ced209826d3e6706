"""A typed line taken apart: words with their places, a pipe, a redirection, a comment.

For surfaces that are not a process, and have no shell in front of them. Quoting is that of
sh(1), so that a line means the same there; on top of it, JSON needs no quotes:

    call store search text="two words" limit=5    # a comment
    request store search {"text": "fork"}         a word until its brackets are closed
    request store search $_.query | jq .          $_ is the last response, $_.query a part
    ps -o csv > peers.csv
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

__all__ = ["Line", "Problem", "ProblemKind", "Reference", "Word", "lex", "quote", "statements"]

_REFERENCE: Final = re.compile(r"\$_(?:\.[\w-]+)*")
_CLOSING: Final = {"{": "}", "[": "]"}
_SPACE: Final = " \t\r"
ProblemKind: TypeAlias = Literal["wrong", "missing", "open", "doubt"]

_SAFE: Final = re.compile(r"[\w@%+=:,./~^!?*-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where.

    Attributes:
        start, end: the place in the text.
        kind: wrong; missing, which may still be typed; open, where the text goes on in a next
            line; a doubt, where it is what lives right now that speaks against it.
    """

    start: int
    end: int
    text: str
    kind: ProblemKind = "wrong"


@dataclass(frozen=True, slots=True)
class Reference:
    """`$_.a.0` in a word: a part of the last response.

    Attributes:
        start, end: where in the word's value. path: keys and indices.
        json: it stands where JSON does: within brackets, or behind `key=`.
    """

    start: int
    end: int
    path: tuple[str, ...]
    json: bool


@dataclass(frozen=True, slots=True)
class Word:
    """One word.

    Attributes:
        value: without its quotes.
        start, end: its place in the text, quotes included.
        places: where in the text each character of the value stands.
        quote: the quote or bracket that it ends in without being closed; "" for none.
        quoted: it has quotes or escapes.
    """

    value: str
    start: int
    end: int
    places: tuple[int, ...] = ()
    quote: str = ""
    quoted: bool = False
    references: tuple[Reference, ...] = ()

    def place(self, index: int) -> int:
        """Where in the text the character `index` of the value stands, or would follow."""
        if index < len(self.places):
            return self.places[index]
        return self.places[-1] + 1 if self.places else self.end


@dataclass(slots=True)
class Line:
    """One statement.

    Attributes:
        start, end: its place in the text, without the newline.
        pipe: what stands behind `|`, for a shell; None without one. pipe_at: where `|` is.
        target: the file behind `>`. append: it was `>>`. target_at: where `>` is.
        comment: where the comment begins.
    """

    start: int
    end: int = 0
    words: list[Word] = field(default_factory=list)
    pipe: str | None = None
    pipe_at: int | None = None
    target: Word | None = None
    append: bool = False
    target_at: int | None = None
    comment: int | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether it goes on in the next line of the text."""
        return any(problem.kind == "open" for problem in self.problems)

    @property
    def empty(self) -> bool:
        """Nothing, or a comment."""
        return not self.words and self.pipe is None and self.target_at is None


def lex(text: str, start: int = 0) -> Line:
    """Takes apart the statement that begins at `start`; never fails, see `Line.problems`."""
    return _Lexer(text, start).run()


def statements(text: str) -> Iterator[Line]:
    """All statements of a text, empty ones left out."""
    start = 0
    while start < len(text):
        line = lex(text, start)
        if not line.empty or line.problems:
            yield line
        start = line.end + 1


def quote(value: str) -> str:
    """The value as a word that `lex` reads back."""
    if _SAFE.fullmatch(value):
        return value
    return "'" + value.replace("'", "'\\''") + "'"


class _Lexer:
    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._at = start
        self._line = Line(start)
        self._value: list[str] = []
        self._places: list[int] = []
        self._references: list[Reference] = []

    def run(self) -> Line:
        text, line = self._text, self._line
        while self._at < len(text) and text[self._at] != "\n":
            character = text[self._at]
            if character in _SPACE:
                self._at += 1
            elif text.startswith("\\\n", self._at):
                self._at += 2
            elif character == "#":
                line.comment = self._at
                self._at = self._end_of_line()
            elif character == "|":
                self._take_pipe()
            elif character == ">":
                self._take_redirection()
            else:
                self._keep(self._take_word())
        line.end = self._at
        if line.target_at is not None and line.target is None:
            self._complain(line.target_at, line.end, "a file has to follow", "missing")
        if line.pipe is not None and not line.words:
            self._complain(line.start, line.end, "nothing stands before the |")
        return line

    def _complain(self, start: int, end: int, text: str, kind: ProblemKind = "wrong") -> None:
        self._line.problems.append(Problem(start, end, text, kind))

    def _end_of_line(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _keep(self, word: Word) -> None:
        line = self._line
        if line.target_at is None:
            line.words.append(word)
        elif line.target is None:
            line.target = word
        else:
            self._complain(word.start, word.end, "nothing can follow the file")

    def _take_pipe(self) -> None:
        start = self._at
        if self._line.target_at is not None:
            self._complain(start, start + 1, "either > or |")
        self._at += 1
        end = self._end_of_line()
        while self._text[end - 1 : end] == "\\" and end < len(self._text):
            self._at = end + 1
            end = self._end_of_line()
        self._at = end
        self._line.pipe, self._line.pipe_at = self._text[start + 1 : end].strip(), start
        if not self._line.pipe:
            self._complain(start, end, "a program has to follow", "missing")
        elif self._line.pipe.endswith("\\"):
            self._complain(end - 1, end, "the next line is missing", "open")

    def _take_redirection(self) -> None:
        if self._line.target_at is not None:
            self._complain(self._at, self._at + 1, "one file is enough")
        self._line.target_at = self._at
        self._line.append = self._text.startswith(">>", self._at)
        self._at += 2 if self._line.append else 1

    def _take_word(self) -> Word:
        start = self._at
        self._value, self._places, self._references = [], [], []
        quote, quoted, opening = "", False, True
        text = self._text
        while not quote and self._at < len(text):
            character = text[self._at]
            after_equals = bool(self._value) and text[self._at - 1] == "="
            if character in _SPACE or character in "\n|>":
                break
            if character in "'\"":
                quoted = True
                quote = self._take_single() if character == "'" else self._take_double()
            elif character == "\\":
                quoted = True
                quote = self._take_escape()
            elif character in _CLOSING and (opening or after_equals):
                quote = self._take_brackets()
            elif (found := _REFERENCE.match(text, self._at)) is not None:
                self._refer(found, json=after_equals)
            else:
                self._add(character)
            opening = False
        return Word(
            "".join(self._value),
            start,
            self._at,
            tuple(self._places),
            quote,
            quoted,
            tuple(self._references),
        )

    def _add(self, character: str) -> None:
        self._value.append(character)
        self._places.append(self._at)
        self._at += 1

    def _refer(self, found: re.Match[str], json: bool) -> None:
        start = len(self._value)
        path = tuple(found[0].split(".")[1:])
        for character in found[0]:
            self._add(character)
        self._references.append(Reference(start, len(self._value), path, json))

    def _take_single(self) -> str:
        opened = self._at
        self._at += 1
        while self._at < len(self._text):
            if self._text[self._at] == "'":
                self._at += 1
                return ""
            self._add(self._text[self._at])
        self._complain(opened, self._at, "' is not closed", "open")
        return "'"

    def _take_double(self) -> str:
        opened = self._at
        self._at += 1
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == '"':
                self._at += 1
                return ""
            if character == "\\" and self._text[self._at + 1 : self._at + 2] in ('"', "\\", "$"):
                self._at += 1
            self._add(self._text[self._at])
        self._complain(opened, self._at, '" is not closed', "open")
        return '"'

    def _take_escape(self) -> str:
        at = self._at
        self._at += 1
        if self._at == len(self._text):
            self._complain(at, self._at, "the next line is missing", "open")
            return "\\"
        if self._text[self._at] == "\n":
            self._at += 1
        else:
            self._add(self._text[self._at])
        return ""

    def _take_brackets(self) -> str:
        """JSON up to the bracket that closes it, as it stands there."""
        opened = self._at
        closing: list[str] = []

        while self._at < len(self._text):
            character = self._text[self._at]
            if character == '"':
                self._take_json_string()
                continue
            if (found := _REFERENCE.match(self._text, self._at)) is not None:
                self._refer(found, json=True)
                continue
            self._add(character)
            if character in _CLOSING:
                closing.append(_CLOSING[character])
            elif character in "}]":
                # A wrong one ends it all the same: what is wrong is for the reader of JSON to say.
                closing.pop()
                if not closing:
                    return ""
        self._complain(opened, self._at, f"{closing[-1]} is missing", "open")
        return "{"

    def _take_json_string(self) -> None:
        self._add('"')
        while self._at < len(self._text):
            character = self._text[self._at]
            self._add(character)
            if character == '"':
                return
            if character == "\\" and self._at < len(self._text):
                self._add(self._text[self._at])
