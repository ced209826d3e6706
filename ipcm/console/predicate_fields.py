"""What a predicate can speak of: the fields of rows, their kinds, and values as people write them.

Kinds and their units; a figure without a unit is in the first one of its kind:

    TEXT     anything; in quotes where it has spaces or characters of the grammar
    FLAG     true or false
    NUMBER   k M G: powers of 1000
    SECONDS  s, and us ms m h d; several may follow each other, as in 1h30m
    BYTES    B, and k M G T with or without B: powers of 1000; KiB MiB GiB TiB: of 1024
    PERCENT  %
"""

from __future__ import annotations

import difflib
import enum
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

__all__ = [
    "ALL_OPERATORS",
    "Fields",
    "Kind",
    "Misread",
    "Scalar",
    "fields_of",
    "is_unit",
    "operators_of",
    "read_value",
]

Scalar: typing.TypeAlias = str | float | bool | None
"""A value to compare with; None for `none`: that there is no value."""


class Kind(enum.Enum):
    """How the values of a field are written and compared."""

    TEXT = "text"
    FLAG = "true or false"
    NUMBER = "a number"
    SECONDS = "a span of time"
    BYTES = "a size"
    PERCENT = "a share"


class Misread(Exception):
    """A name or value that cannot be meant.

    Args:
        reason: what is wrong with it. at: where in it.
    """

    def __init__(self, reason: str, at: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


ALL_OPERATORS: Final = ("=", "!=", "~=", "!~", "<", "<=", ">", ">=")


def operators_of(kind: Kind) -> tuple[str, ...]:
    """The operators that make sense for values of this kind."""
    match kind:
        case Kind.TEXT:
            return ALL_OPERATORS[:4]
        case Kind.FLAG:
            return ALL_OPERATORS[:2]
        case _:
            return ALL_OPERATORS[:2] + ALL_OPERATORS[4:]


_POWERS: Final = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_SIZES: Final = {"B": 1.0, **_POWERS, "T": 1e12}
_UNITS: Final[Mapping[Kind, Mapping[str, float]]] = {
    Kind.NUMBER: _POWERS,
    Kind.SECONDS: {
        "s": 1.0, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "m": 60.0, "h": 3600.0, "d": 86400.0,
    },
    Kind.BYTES: {
        **_SIZES,
        **{f"{unit}B": size for unit, size in _SIZES.items() if unit != "B"},
        **{f"{unit}iB": 2.0**power for unit, power in (("K", 10), ("M", 20), ("G", 30), ("T", 40))},
    },
    Kind.PERCENT: {"%": 1.0},
}  # fmt: skip
_FLAGS: Final = {"true": True, "yes": True, "false": False, "no": False}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_UNIT = re.compile(r"[^\d.+-]*")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of some rows.

    Attributes:
        kinds: by name, in the order in which an error lists them.
        search: those in which a bare word is looked for.
    """

    kinds: Mapping[str, Kind]
    search: tuple[str, ...] = ("name",)

    def find(self, name: str) -> str:
        """The field's name as the rows have it; capitals do not matter.

        Raises:
            Misread: there is none; with the nearest, or else all.
        """
        if name in self.kinds:
            return name
        for known in self.kinds:
            if known.lower() == name.lower():
                return known
        near = difflib.get_close_matches(name.lower(), self.kinds, 3)
        advice = (
            f"did you mean {' or '.join(near)}?" if near else f"there are {_listed(self.kinds)}"
        )
        raise Misread(f"no field {name!r}: {advice}")


def fields_of(
    *rows: type[msgspec.Struct],
    search: tuple[str, ...] = ("name",),
    seconds: Iterable[str] = (),
    sizes: Iterable[str] = (),
    shares: Iterable[str] = (),
) -> Fields:
    """The fields of structs, all of them together.

    Args:
        search: see `Fields`. seconds, sizes, shares: fields that are figures of that kind; the
            kind of every other follows from its type.
    """
    kinds: dict[str, Kind] = {}
    for row in rows:
        hints = typing.get_type_hints(row)
        if row.__struct_config__.tag_field:
            kinds[row.__struct_config__.tag_field] = Kind.TEXT
        kinds.update({name: _kind_of(hints[name]) for name in row.__struct_fields__})
    for names, kind in ((seconds, Kind.SECONDS), (sizes, Kind.BYTES), (shares, Kind.PERCENT)):
        kinds.update(dict.fromkeys(names, kind))
    return Fields(kinds, search)


def _kind_of(hint: Any) -> Kind:
    parts: tuple[Any, ...] = (hint,)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = tuple(each for each in typing.get_args(hint) if each is not types.NoneType)
    if all(each is bool for each in parts):
        return Kind.FLAG
    return Kind.NUMBER if all(each in (int, float) for each in parts) else Kind.TEXT


def is_unit(kind: Kind, word: str) -> bool:
    """Whether the word is a unit of that kind of figures."""
    return word in _UNITS.get(kind, ())


def read_value(field: str, kind: Kind, text: str) -> Scalar:
    """A value as typed, in the unit that the rows have.

    Args:
        field: its name, for errors.

    Raises:
        Misread: it is no value of that kind.
    """
    if kind is Kind.TEXT:
        return text
    if kind is Kind.FLAG:
        if (flag := _FLAGS.get(text.lower())) is None:
            raise Misread(f"{field} is {kind.value}, not {text!r}")
        return flag
    total, at = 0.0, 0
    while True:
        number = _NUMBER.match(text, at)
        if number is None:
            example = {"s": "20ms", "B": "5MB", "%": "50%"}.get(next(iter(_UNITS[kind])), "1.5k")
            raise Misread(f"{field} is {kind.value}, such as {example}, not {text!r}", at)
        unit = _UNIT.match(text, number.end())
        assert unit is not None  # it matches nothing, too
        total += float(number[0]) * _factor(field, kind, unit[0].strip(), number.end())
        at = unit.end()
        if at == len(text):
            return total
        if kind is not Kind.SECONDS:
            raise Misread(f"{field} is one figure", at)


def _factor(field: str, kind: Kind, unit: str, at: int) -> float:
    if not unit:
        return 1.0
    if unit not in _UNITS[kind]:
        raise Misread(f"{unit!r} is no unit of {field}, which has {_listed(_UNITS[kind])}", at)
    return _UNITS[kind][unit]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
