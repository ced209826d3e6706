"""`$_`, the last response, and `$_.files.0`, a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ipcm.console.encode import plain_value, to_json
from ipcm.console.grammar import Expand
from ipcm.console.words import Word
from ipcm.errors import UsageError

__all__ = ["Last", "expander", "part"]


@dataclass(frozen=True, slots=True)
class Last:
    """The last response, as plain values."""

    value: Any

    @classmethod
    def of(cls, answer: Any) -> Last:
        """Of whatever came over the bus."""
        return cls(plain_value(answer))


def part(last: Last | None, path: Sequence[str]) -> Any:
    """A part of the last response.

    Raises:
        UsageError: there is none, or it has no such part; with what there is.
    """
    if last is None:
        raise UsageError("$_ is the last response, and there is none yet")
    value, walked = last.value, "$_"
    for step in path:
        if isinstance(value, list):
            if not step.isdecimal() or int(step) >= len(value):
                raise UsageError(f"{walked} is a list of {len(value)}, and has no {step!r}")
            value = value[int(step)]
        elif isinstance(value, dict):
            if step not in value:
                known = ", ".join(map(repr, list(value)[:8])) or "nothing"
                raise UsageError(f"{walked} has no {step!r}; it has {known}")
            value = value[step]
        else:
            raise UsageError(f"{walked} is {to_json(value)[:40]}, which has no parts")
        walked += f".{step}"
    return value


def expander(last: Last | None) -> Expand:
    """Puts in what `$_` stands for: JSON where JSON stands, else a text as it is."""

    def expand(word: Word, json: bool) -> str:
        pieces, done = [], 0
        for reference in word.references:
            value = part(last, reference.path)
            as_text = isinstance(value, str) and not (json or reference.json)
            pieces += [word.value[done : reference.start], value if as_text else to_json(value)]
            done = reference.end
        return "".join([*pieces, word.value[done:]])

    return expand
