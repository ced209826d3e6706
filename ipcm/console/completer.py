"""The one completer: what can come at the cursor of a typed line.

Pure but for what `Live` says: of the verbs, their options and values, buses, peers, endpoints,
parameters and JSON bodies, it offers what goes with what is typed, the likeliest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ipcm.console.cells import clean
from ipcm.console.completion import Offer
from ipcm.console.encode import to_json
from ipcm.console.fuzzy import rank
from ipcm.console.grammar import Leading, Reading, read, split_leading
from ipcm.console.live import Live
from ipcm.console.references import Last, part
from ipcm.console.registry import NAMES, get_verb
from ipcm.console.verb import Argument, Option, Verb
from ipcm.console.words import Line, Word, lex, quote
from ipcm.errors import UsageError

__all__ = ["Completion", "complete"]

_PART: Final = re.compile(r"(?P<path>\$_(?:\.[\w-]+)*)\.(?P<begun>[\w-]*)$")
_NAME: Final = re.compile(r"[\w-]+")
_MOST: Final = 20
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Completion:
    """One way to go on.

    Attributes:
        start: the text from here to the cursor is replaced.
        text: what goes there. display: as a list shows it. meta: what it is.
        more: something belongs right behind it; else a space may follow.
    """

    start: int
    text: str
    display: str
    meta: str = ""
    more: bool = False


def complete(
    text: str,
    cursor: int,
    live: Live,
    verbs: Sequence[str] = NAMES,
    asking: Collection[str] = (),
    output: Option | None = None,
    get: Callable[[str], Verb] = get_verb,
    response: Last | None = None,
) -> list[Completion]:
    """What can come at the cursor.

    Args:
        text: one or several lines, of one verb each, without `ipcm` or `%ipcm` in front.
        cursor: a place in the text; what follows it does not matter.
        verbs: those that the surface has. get: finds one of them.
        asking, output: what it does otherwise than others, see `options_of`.
        response: what `$_` stands for, where it stands for something.

    Returns:
        Completions, the likeliest first; they differ in what they put in.
    """
    line = _line_at(text[:cursor])
    if line.pipe is not None or line.target_at is not None or line.comment is not None:
        return []
    words = list(line.words)
    if words and words[-1].end == cursor:
        last = words.pop()
        if not last.quote and last.value[:1] in ("{", "[") and last.value[-1:] in ("}", "]"):
            return []  # its last bracket has closed it: a space comes next
    else:
        last = Word("", cursor, cursor)
    if (found := _PART.search(last.value)) and _refers(last, found.start()):
        return _of_response(last, found, response)
    leading = split_leading(words, output)
    if not leading.rest:
        return _before_verb(last, leading, live, [Offer(name, get(name).summary) for name in verbs])
    name, *behind = leading.rest
    if name.value not in verbs:
        return []
    behind = [*leading.words, *behind]
    reading = read(get(name.value), behind, cursor, asking=asking, output=output)
    try:
        return _of_parameter(last, reading, live)
    except RecursionError:
        return []  # a service describes itself with a schema that has no end


def _before_verb(
    last: Word, leading: Leading, live: Live, offers: Iterable[Offer]
) -> list[Completion]:
    if leading.wants is not None:
        return _of_values(leading.wants, last, 0, {}, live)
    return _fitting(last, 0, offers)


def _refers(word: Word, start: int) -> bool:
    return any(reference.start == start for reference in word.references)


def _of_response(word: Word, found: re.Match[str], response: Last | None) -> list[Completion]:
    """Parts of the last response, behind `$_.`."""
    try:
        value = part(response, found["path"].split(".")[1:])
    except UsageError:
        return []
    names: Iterable[Any] = range(min(len(value), _MOST)) if isinstance(value, list) else ()
    if isinstance(value, dict):
        names = [name for name in value if _NAME.fullmatch(name)]
    offers = [
        Offer(str(name), clean(to_json(value[name])[:_SHOWN]), found.start("begun"), more=True)
        for name in names
    ]
    return _fitting(word, 0, offers)


def _line_at(text: str) -> Line:
    """The last statement of a text."""
    start = 0
    while (line := lex(text, start)).end < len(text):
        start = line.end + 1
    return line


def _of_parameter(last: Word, reading: Reading, live: Live) -> list[Completion]:
    begin = last.value
    if reading.common.bus:
        live = live.on(reading.common.bus)
    if reading.wants is not None:
        return _of_values(reading.wants, last, 0, reading.values, live)
    if begin.startswith("-") and not reading.plain:
        name, equals, _ = begin.partition("=")
        if not equals:
            return _fitting(last, 0, _option_offers(reading))
        for option in reading.options:
            if name in option.flags and option.type is not bool:
                return _of_values(option, last, len(name) + 1, reading.values, live)
        return []
    found: list[Completion] = []
    if reading.upcoming is not None:
        found = _of_values(reading.upcoming, last, 0, reading.values, live)
    needed = reading.upcoming is not None and reading.upcoming.required
    if not found and not begin and not reading.plain and not needed:
        return _fitting(last, 0, _option_offers(reading))
    return found


def _option_offers(reading: Reading) -> list[Offer]:
    """Options that have not been given, each by its longest flag."""
    given = {id(slot.parameter) for slot in reading.slots}
    return [
        Offer(max(option.flags, key=len), option.help)
        for option in reading.options
        if id(option) not in given
    ]


def _of_values(
    parameter: Argument | Option, last: Word, at: int, values: Mapping[str, Any], live: Live
) -> list[Completion]:
    begin = last.value[at:]
    if isinstance(parameter, Option) and parameter.choices:
        return _fitting(last, at, [Offer(choice, parameter.help) for choice in parameter.choices])
    if parameter.complete is None:
        return []
    return _fitting(last, at, parameter.complete(live, values, begin))


def _fitting(last: Word, at: int, offers: Iterable[Offer]) -> list[Completion]:
    """The offers that go with what is typed of a word, as completions.

    Args:
        at: where in the word the value begins that they are for.
    """
    found: dict[str, Completion] = {}
    by_place: dict[int, list[Offer]] = {}
    for offer in offers:
        by_place.setdefault(at + offer.at, []).append(offer)
    for place, here in by_place.items():
        needle = last.value[place:]
        for offer in rank(needle, here, lambda offer: offer.text):
            if offer.text != needle:
                made = _completion(last, place, offer)
                found.setdefault(made.text, made)
    return list(found.values())


def _completion(last: Word, place: int, offer: Offer) -> Completion:
    text, display = offer.text, offer.text.rstrip(" ")
    if last.quote in ("'", '"', "{"):
        # Inside of quotes or brackets it goes on as it is; they are still open.
        if last.quote == "'":
            text = text.replace("'", "'\\''")
        elif last.quote == '"':
            text = text.replace("\\", "\\\\").replace('"', '\\"')
        start = last.place(place) if place or last.quote == "{" else last.start + 1
        return Completion(start, text, display, offer.meta, more=True)
    start = last.place(place) if place else last.start
    if not (text[:1] in ("{", "[") or offer.more):
        text = quote(text)
    return Completion(start, text, display, offer.meta, offer.more)
