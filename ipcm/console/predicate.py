"""The predicate language: which rows one wants to see, in one line.

    filter      all ("or" all)*                      nothing at all: every row
    all         each (["and"] each)*                 side by side is "and"
    each        "not" each | "(" filter ")" | comparison | WORD
    comparison  FIELD OPERATOR VALUE                 name~=ind   p95>20ms   error=none

A bare word is looked for in the name, whatever its capitals. Operators are = != < <= > >=, and
~= and !~ for regular expressions found anywhere, whatever the capitals. A comparison holds only
where the row has a value; `not` takes exactly the rows that are left. `field=none` asks for those
without a value.
"""

from __future__ import annotations

import contextlib
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from ipcm.console.caret import point_at
from ipcm.console.predicate_fields import (
    ALL_OPERATORS,
    Fields,
    Kind,
    Misread,
    Scalar,
    is_unit,
    operators_of,
    read_value,
)
from ipcm.errors import UsageError

__all__ = ["Predicate", "PredicateError", "parse_predicate", "quote_value"]

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KEYWORDS: Final = ("and", "or", "not")
_DEEPEST: Final = 50

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<operator>[=!<>~]+)|(?P<paren>[()])|(?P<word>[^\s()=!<>~"']+))""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"""\\(["'\\])""")
_PLAIN_WORD = re.compile(r"""[^\s()=!<>~"'\\]+""")


class PredicateError(UsageError):
    """A predicate that cannot be read.

    Attributes:
        reason: what is wrong. text: the predicate. at: where in it.
    """

    def __init__(self, reason: str, text: str, at: int) -> None:
        super().__init__("\n".join([f"the filter: {reason}", *point_at(text, at)]))
        self.reason = reason
        self.text = text
        self.at = at


Get: TypeAlias = Callable[[str], Any]
"""The value of a row's field, or None."""


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    search: tuple[str, ...]

    def holds(self, get: Get) -> bool:
        part = self.text.casefold()
        return any(part in str(get(field) or "").casefold() for field in self.search)

    def __str__(self) -> str:
        return _quoted(self.text, _KEYWORDS)


@dataclass(frozen=True, slots=True)
class _Comparison:
    field: str
    operator: str
    value: Scalar
    written: str
    pattern: re.Pattern[str] | None = None

    def holds(self, get: Get) -> bool:
        have = get(self.field)
        if have is None:
            return self.value is None and self.operator == "="
        if self.pattern is not None:
            return bool(self.pattern.search(str(have))) == (self.operator == "~=")
        if isinstance(self.value, str):
            have = str(have)
        order = _ORDERS.get(self.operator)
        if order is not None:
            return order(have, self.value)
        return bool(have == self.value) == (self.operator == "=")

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{self.written}"


@dataclass(frozen=True, slots=True)
class _Not:
    inner: _Node

    def holds(self, get: Get) -> bool:
        return not self.inner.holds(get)

    def __str__(self) -> str:
        return f"not {_bracketed(self.inner)}"


@dataclass(frozen=True, slots=True)
class _All:
    parts: tuple[_Node, ...]

    def holds(self, get: Get) -> bool:
        return all(part.holds(get) for part in self.parts)

    def __str__(self) -> str:
        return " and ".join(map(_bracketed, self.parts))


@dataclass(frozen=True, slots=True)
class _Any:
    parts: tuple[_Node, ...]

    def holds(self, get: Get) -> bool:
        return any(part.holds(get) for part in self.parts)

    def __str__(self) -> str:
        return " or ".join(map(_bracketed, self.parts))


_Node: TypeAlias = _Word | _Comparison | _Not | _All | _Any


@dataclass(frozen=True, slots=True)
class Predicate:
    """Says of a row whether it is wanted; `str` gives it in full, as `parse_predicate` reads it.

    Attributes:
        text: as it was typed.
    """

    text: str
    _node: _Node

    def __call__(self, row: Any) -> bool:
        """Whether the row is wanted.

        Args:
            row: a mapping, or an object with attributes; it may lack any field.
        """
        if isinstance(row, Mapping):
            return self._node.holds(row.get)
        return self._node.holds(lambda field: getattr(row, field, None))

    def __str__(self) -> str:
        return str(self._node)


def parse_predicate(text: str, fields: Fields) -> Predicate:
    """Reads a predicate.

    Args:
        text: see the head of this module. fields: what the rows have.

    Raises:
        PredicateError: it cannot be read; says why and where.
    """
    return Predicate(text, _Parser(text, fields).parse())


def quote_value(text: str) -> str:
    """The text as a value that a predicate reads back, behind `name=` and the like."""
    return _quoted(text, (*_KEYWORDS, "none"))


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Parser:
    """Recursive descent, one method a rule."""

    def __init__(self, text: str, fields: Fields) -> None:
        self._text = text
        self._fields = fields
        self._tokens = _split(text)
        self._next = 0
        self._depth = 0

    def parse(self) -> _Node:
        if self._peek().kind == "end":
            return _All(())
        node = self._filter()
        token = self._peek()
        if token.kind != "end":  # only a closing parenthesis stops what reads filters
            raise self._error("there is no ( that this closes", token.at)
        return node

    def _filter(self) -> _Node:
        parts = [self._all()]
        while self._take_keyword("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else _Any(tuple(parts))

    def _all(self) -> _Node:
        parts = [self._each()]
        while not (self._peek().kind == "end" or self._peek().text == ")" or self._at("or")):
            self._take_keyword("and")
            parts.append(self._each())
        return parts[0] if len(parts) == 1 else _All(tuple(parts))

    def _each(self) -> _Node:
        self._depth += 1
        token = self._peek()
        if self._depth > _DEEPEST:
            raise self._error("it is nested too deeply", token.at)
        try:
            if self._take_keyword("not"):
                return _Not(self._each())
            if token == ("paren", "(", token.at):
                return self._bracket()
            return self._comparison_or_word()
        finally:
            self._depth -= 1

    def _bracket(self) -> _Node:
        opening = self._take()
        node = self._filter()
        if self._peek().text != ")":
            raise self._error("this ( is never closed", opening.at)
        self._take()
        return node

    def _comparison_or_word(self) -> _Node:
        token = self._peek()
        if token.kind == "operator":
            raise self._error(f"a field is missing before {token.text}", token.at)
        if token.kind not in ("word", "quoted") or self._keyword(token):
            raise self._error("something to look for is missing here", token.at)
        self._take()
        if self._peek().kind == "operator":
            return self._comparison(token)
        return _Word(_unquoted(token), self._fields.search)

    def _comparison(self, name: _Token) -> _Node:
        with _placed(self._text, name.at):
            field = self._fields.find(_unquoted(name))
        kind = self._fields.kinds[field]
        sign = self._take()
        if sign.text not in ALL_OPERATORS:
            known = " ".join(ALL_OPERATORS)
            raise self._error(f"no operator {sign.text!r}: there are {known}", sign.at)
        value = self._peek()
        if value.kind not in ("word", "quoted") or self._keyword(value):
            quotes = f"; one like {value.text} needs quotes" if value.text else ""
            raise self._error(f"a value is missing behind {sign.text}{quotes}", value.at)
        self._take()
        if value == ("word", "none", value.at):
            if sign.text not in ("=", "!="):
                raise self._error("none goes with = and !=", sign.at)
            return _Comparison(field, sign.text, None, "none")
        usable = operators_of(kind)
        if sign.text not in usable:
            raise self._error(f"{field} is {kind.value}, which has {' '.join(usable)}", sign.at)
        return self._compared(field, kind, sign.text, value)

    def _compared(self, field: str, kind: Kind, sign: str, value: _Token) -> _Node:
        text = _unquoted(value)
        unit = self._peek()
        if unit.kind == "word" and is_unit(kind, unit.text) and text[-1:].isdigit():
            # "20 ms": as a word of its own it would be looked for in the name.
            text += self._take().text
        at = value.at + (value.kind == "quoted")
        with _placed(self._text, at):
            read = read_value(field, kind, text)
            pattern = _compiled(text) if "~" in sign else None
        return _Comparison(field, sign, read, quote_value(text), pattern)

    # Tokens

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _keyword(self, token: _Token) -> bool:
        return token.kind == "word" and token.text.lower() in _KEYWORDS

    def _at(self, keyword: str) -> bool:
        token = self._peek()
        return token.kind == "word" and token.text.lower() == keyword

    def _take_keyword(self, keyword: str) -> bool:
        found = self._at(keyword)
        self._next += found
        return found

    def _error(self, reason: str, at: int) -> PredicateError:
        return PredicateError(reason, self._text, at)


def _split(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            # Everything but a lonely quote begins a token.
            at += len(text[at:]) - len(text[at:].lstrip())
            raise PredicateError("this quote is never closed", text, at)
        kind = match.lastgroup
        assert kind is not None  # one of the alternatives matched
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*tokens, _Token("end", "", len(text))]


def _unquoted(token: _Token) -> str:
    return _ESCAPE.sub(r"\1", token.text[1:-1]) if token.kind == "quoted" else token.text


def _quoted(text: str, reserved: Sequence[str]) -> str:
    if _PLAIN_WORD.fullmatch(text) and text.lower() not in reserved:
        return text
    escaped = re.sub(r"""(["'\\])""", r"\\\1", text)
    return f'"{escaped}"'


def _bracketed(node: _Node) -> str:
    return str(node) if isinstance(node, _Word | _Comparison) else f"({node})"


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            # Meant for authors of programs: what may change in later versions of `re`.
            warnings.simplefilter("ignore")
            return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise Misread(f"no regular expression: {error.msg}", error.pos or 0) from None
    except (OverflowError, RecursionError) as error:
        raise Misread(f"no usable regular expression: {error}") from None


@contextlib.contextmanager
def _placed(text: str, at: int) -> Iterator[None]:
    try:
        yield
    except Misread as error:
        raise PredicateError(error.reason, text, at + error.at) from None
