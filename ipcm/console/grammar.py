"""The words of a typed line, read as a verb with its arguments and options.

The same grammar as that of the command line (see click_adapter.py), for surfaces that need to
know what each word is and where it stands, also while it is not finished.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ipcm.console.common import COMMON, Common, leading_options, options_of
from ipcm.console.verb import Argument, Option, Verb
from ipcm.console.words import Problem, Word
from ipcm.errors import UsageError

__all__ = [
    "HELP",
    "Expand",
    "Leading",
    "Reading",
    "Slot",
    "convert",
    "no_option",
    "read",
    "split_leading",
]

Expand: TypeAlias = Callable[[Word, bool], str]
"""The value of a word with `$_` put in, given whether JSON stands there; raises UsageError."""

HELP = ("-h", "--help")
"""Flags that ask for help: about a verb behind it, in place of a verb about all."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What a word is.

    Attributes:
        role: `end` is the `--` behind which nothing is an option.
        parameter: that it is, or gives the value of.
        at: where in the word's value that of the parameter begins, as behind `--sort=`.
    """

    word: Word
    role: Literal["flag", "value", "argument", "end", "unknown"]
    parameter: Argument | Option | None = None
    at: int = 0


@dataclass(slots=True)
class Reading:
    """A verb with what has been said to it.

    Attributes:
        values: of its own arguments and options, as its `run` takes them.
        common: what every verb takes.
        slots: what each word is, in order.
        wants: the option whose value comes next. upcoming: the argument that comes next.
        plain: no options follow. help: its help is asked for.
    """

    verb: Verb
    options: list[Option]
    values: dict[str, Any] = field(default_factory=dict)
    common: Common = field(default_factory=Common)
    slots: list[Slot] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    wants: Option | None = None
    upcoming: Argument | None = None
    plain: bool = False
    help: bool = False


@dataclass(frozen=True, slots=True)
class Leading:
    """What stands before a verb, as in `-b demo ps`.

    Attributes:
        words: options and their values, to be read as if they stood behind it.
        rest: the verb, and what follows. wants: the option whose value comes next.
    """

    words: list[Word]
    rest: list[Word]
    wants: Option | None = None


def split_leading(words: Sequence[Word], output: Option | None = None) -> Leading:
    """Finds the verb; see `options_of` for `output`.

    A line that was copied from a terminal begins with `ipcm`, which says nothing here.
    """
    if words and words[0].value == "ipcm":
        words = words[1:]
    flags = {flag: each for each in leading_options(output) for flag in each.flags}
    wants: Option | None = None
    for at, word in enumerate(words):
        if wants is not None:
            wants = None
        elif word.value in flags:
            wants = flags[word.value]
        elif not any(_holds(word.value, flag) for flag in flags):
            return Leading(list(words[:at]), list(words[at:]))
    return Leading(list(words), [], wants)


def _holds(text: str, flag: str) -> bool:
    """Whether a word is a flag with its value, as `--bus=demo` and `-bdemo` are."""
    return text.startswith(f"{flag}=" if flag.startswith("--") else flag)


def read(
    verb: Verb,
    words: Sequence[Word],
    end: int,
    *,
    asking: Collection[str] = (),
    output: Option | None = None,
    expand: Expand | None = None,
) -> Reading:
    """Reads what follows a verb; never fails, see `Reading.problems`.

    Args:
        end: where something missing would stand.
        asking, output: see `options_of`.
        expand: puts in what `$_` stands for.
    """
    return _Reader(verb, options_of(verb, asking, output), expand).run(words, end)


class _Reader:
    def __init__(self, verb: Verb, options: list[Option], expand: Expand | None) -> None:
        self._reading = Reading(verb, options)
        self._flags = {flag: each for each in self._reading.options for flag in each.flags}
        self._values: dict[str, Any] = {each.name: each.default for each in self._reading.options}
        for argument in verb.arguments:
            self._values[argument.name] = () if argument.many else None
        self._left = list(verb.arguments)
        self._bad: dict[str, Problem] = {}
        self._expand = expand

    def run(self, words: Sequence[Word], end: int) -> Reading:
        reading = self._reading
        for word in words:
            if reading.wants is not None:
                option, reading.wants = reading.wants, None
                self._take_value(option, word, 0)
            elif reading.plain or not word.value.startswith("-") or word.value == "-":
                self._take_argument(word)
            elif word.value == "--":
                reading.plain = True
                reading.slots.append(Slot(word, "end"))
            else:
                self._take_option(word)
        reading.problems += self._bad.values()
        if reading.wants is not None:
            self._miss(end, f"{reading.wants.flags[-1]} needs a value")
        reading.upcoming = self._left[0] if self._left else None
        for argument in self._left:
            if argument.required and not self._values[argument.name]:
                self._miss(end, argument.missing)
        common = {name: self._values.pop(name) for name in COMMON if name in self._values}
        reading.common = Common(**common)
        reading.values = self._values
        return reading

    def _miss(self, end: int, text: str) -> None:
        self._reading.problems.append(Problem(end, end, text, "missing"))

    def _complain(self, word: Word, text: str, at: int = 0) -> None:
        start = word.place(at) if at else word.start
        self._reading.problems.append(Problem(start, word.end, text))

    def _take_argument(self, word: Word) -> None:
        if not self._left:
            self._reading.slots.append(Slot(word, "unknown"))
            self._complain(word, f"{self._reading.verb.name} takes no more words")
            return
        argument = self._left[0]
        self._reading.slots.append(Slot(word, "argument", argument))
        value = self._value(word, 0, argument.json)
        if argument.many:
            self._values[argument.name] += (value,)
        else:
            self._values[argument.name] = value
            del self._left[0]

    def _take_option(self, word: Word) -> None:
        name, equals, _ = word.value.partition("=")
        option = self._flags.get(name)
        if name in HELP:
            self._reading.help = True
            self._reading.slots.append(Slot(word, "flag"))
        elif option is None and not name.startswith("--"):
            self._take_letters(word)
        elif option is None:
            self._unknown(word, name)
        elif not equals or not name.startswith("--"):
            self._take_letters(word) if equals else self._take_flag(option, word)
        elif option.type is bool:
            self._reading.slots.append(Slot(word, "flag", option))
            self._complain(word, f"{name} takes no value", len(name))
        else:
            self._take_value(option, word, len(name) + 1)

    def _take_flag(self, option: Option, word: Word) -> None:
        self._reading.slots.append(Slot(word, "flag", option))
        if option.type is bool:
            self._values[option.name] = True
        else:
            self._reading.wants = option

    def _take_letters(self, word: Word) -> None:
        """`-an5`: switches, and at last an option with its value, behind one dash."""
        for at, letter in enumerate(word.value[1:], 1):
            option = self._flags.get(f"-{letter}")
            if f"-{letter}" in HELP:
                self._reading.help = True
            elif option is None:
                self._unknown(word, f"-{letter}")
                return
            elif option.type is bool:
                self._values[option.name] = True
            elif at + 1 < len(word.value):
                self._take_value(option, word, at + 1)
                return
            else:
                self._reading.wants = option
        self._reading.slots.append(Slot(word, "flag", self._reading.wants))

    def _unknown(self, word: Word, name: str) -> None:
        self._reading.slots.append(Slot(word, "unknown"))
        self._complain(word, no_option(self._reading.verb, name, self._flags))

    def _take_value(self, option: Option, word: Word, at: int) -> None:
        self._reading.slots.append(Slot(word, "value", option, at))
        text = self._value(word, at, False)
        self._bad.pop(option.name, None)  # the last one counts
        try:
            self._values[option.name] = convert(option, text)
        except UsageError as error:
            start = word.place(at) if at else word.start
            self._bad[option.name] = Problem(start, word.end, str(error))

    def _value(self, word: Word, at: int, json: bool) -> str:
        if self._expand is None or not word.references:
            return word.value[at:]
        try:
            return self._expand(word, json)[at:]
        except UsageError as error:
            self._complain(word, str(error))
            return word.value[at:]


def no_option(verb: Verb, name: str, flags: Iterable[str]) -> str:
    """What is said where a verb has no such option; `flags` are those that it has."""
    near = difflib.get_close_matches(name, list(flags), 1)
    hint = f": did you mean {near[0]}?" if near else ""
    if name[1:2].isdecimal() and any(each.json for each in verb.arguments):
        hint = "; a number below zero stands behind --"
    return f"{verb.name} has no option {name}{hint}"


def convert(option: Option, text: str) -> Any:
    """The value of an option.

    Raises:
        UsageError: it is none.
    """
    flag = option.flags[-1]
    if option.choices:
        if text not in option.choices:
            raise UsageError(f"{flag} is one of {', '.join(option.choices)}, not {text!r}")
        return text
    if option.type is str:
        return text
    number: float
    try:
        number = int(text) if option.type is int else float(text)
    except ValueError:
        what = "a whole number" if option.type is int else "a number"
        raise UsageError(f"{flag} is {what}, not {text!r}") from None
    if not math.isfinite(number):
        raise UsageError(f"{flag} is a finite number, not {text!r}")
    if option.minimum is not None and number < option.minimum:
        raise UsageError(f"{flag} is at least {option.minimum:g}, not {text}")
    return number
