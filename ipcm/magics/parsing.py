"""A line of the magic, read with the grammar that every surface shares."""

from __future__ import annotations

from typing import Final

from ipcm.console.completion import Offer
from ipcm.console.grammar import HELP, Reading, read, split_leading
from ipcm.console.render import FORMATS
from ipcm.console.verb import Option
from ipcm.console.words import lex
from ipcm.errors import UsageError
from ipcm.magics.verbs import Grammar

__all__ = ["OUTPUT", "parse_line"]

OUTPUT: Final = Option(
    "output",
    ("-o", "--out", "--output"),
    f"A variable for the result; or how to show it: {', '.join(FORMATS)}.",
    metavar="NAME",
    complete=lambda live, args, begin: [Offer(each, "how to show it") for each in FORMATS],
)
"""A notebook binds results to names more often than it wants them as CSV."""


def parse_line(grammar: Grammar, text: str) -> Reading | None:
    """Reads a line.

    Returns:
        What it says; None where it is empty, or asks for help in general.

    Raises:
        UsageError: it cannot be read, or something is missing in it.
    """
    line = lex(text)
    if line.pipe is not None or line.target_at is not None:
        raise UsageError(
            "a notebook has neither | nor >: -o NAME binds the result to a variable; "
            "within quotes they are text"
        )
    if line.problems:
        raise UsageError(line.problems[0].text)
    leading = split_leading(line.words, OUTPUT)
    if leading.wants is not None:
        raise UsageError(f"{leading.wants.flags[-1]} needs a value")
    if not leading.rest or leading.rest[0].value in HELP:
        return None
    name, *behind = leading.rest
    if name.value.startswith("-"):
        raise UsageError(f"{name.value} stands where a verb should; `%ipcm?` lists them")
    verb = grammar.get(name.value)
    reading = read(verb, [*leading.words, *behind], len(text), output=OUTPUT)
    if reading.problems and not reading.help:
        raise UsageError(f"{reading.problems[0].text}\n`%ipcm {verb.name}?` shows how")
    return reading
