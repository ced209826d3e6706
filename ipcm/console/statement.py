"""One typed line, understood: its verb, what is said to it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from ipcm.console.checks import Fault
from ipcm.console.completion import complete_peer, complete_service
from ipcm.console.grammar import HELP, Reading, Slot, read, split_leading
from ipcm.console.live import Live
from ipcm.console.references import Last, expander
from ipcm.console.registry import suggest
from ipcm.console.verb import Option, Verb
from ipcm.console.words import Line, Problem, ProblemKind, Word

__all__ = ["Statement", "check", "understand"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A line and what it says.

    Attributes:
        verb, reading: None where there is no such verb. name: the word that names it.
        problems: what is wrong with the words, in the order of their places.
    """

    line: Line
    verb: Verb | None
    reading: Reading | None
    problems: tuple[Problem, ...]
    name: Word | None = None

    @property
    def wrong(self) -> Problem | None:
        """The first that keeps it from being run."""
        return next((each for each in self.problems if each.kind != "doubt"), None)


def understand(
    line: Line,
    verbs: Mapping[str, Verb],
    *,
    asking: Collection[str] = (),
    last: Last | None = None,
) -> Statement:
    """Reads a line; never fails.

    Args:
        verbs: those that the surface has. asking: see `options_of`.
        last: what `$_` stands for.
    """
    problems = list(line.problems)
    if not line.words:
        return Statement(line, None, None, tuple(problems))
    leading = split_leading(line.words)
    end = line.words[-1].end
    if not leading.rest:
        text = f"{leading.wants.flags[-1]} needs a value" if leading.wants else "a verb is missing"
        problems.append(Problem(end, end, text, "missing"))
        return Statement(line, None, None, tuple(problems))
    name, *behind = leading.rest
    verb = verbs.get("help" if name.value in HELP else name.value)
    if verb is None:
        if not name.quote:  # else it is not known yet what it is
            text = f"no verb {name.value!r}{suggest(name.value, verbs)}"
            problems.insert(0, Problem(name.start, name.end, text))
        return Statement(line, None, None, tuple(problems))
    words = [*leading.words, *behind]
    reading = read(verb, words, end, asking=asking, expand=expander(last))
    if reading.help:
        return Statement(line, verb, reading, tuple(problems), name)
    problems += reading.problems
    problems.sort(key=lambda each: each.start)
    return Statement(line, verb, reading, tuple(problems), name)


def check(statement: Statement, live: Live) -> list[Problem]:
    """All that is wrong, also with regard to what lives right now; what is sure comes first."""
    found = list(statement.problems)
    verb, reading = statement.verb, statement.reading
    if verb is not None and reading is not None and not reading.help:
        if reading.common.bus:
            live = live.on(reading.common.bus)
        found += [*_nobody(reading, live), *_misread(reading)]
        if verb.check is not None:
            try:
                faults = list(verb.check(live, reading.values))
            except RecursionError:
                faults = []  # a service describes itself with a schema that has no end
            found += _placed(faults, reading, statement.line)
    order = ("wrong", "open", "doubt", "missing")
    return sorted(found, key=lambda each: (order.index(each.kind), each.start))


def _nobody(reading: Reading, live: Live) -> Iterable[Problem]:
    """Peers that are not there; nothing where nobody is, for then it is not known."""
    for slot in reading.slots:
        complete = slot.parameter.complete if slot.parameter is not None else None
        if slot.role != "argument" or complete not in (complete_peer, complete_service):
            continue
        peers, name = live.peers(), slot.word.value
        if slot.word.references or not peers:
            continue
        kind = peers.get(name)
        if kind is None:
            problem = f"no peer named {name!r} on the bus"
        elif kind != "service" and complete is complete_service:
            problem = f"{name!r} is a {kind}, no service"
        else:
            continue
        yield Problem(slot.word.start, slot.word.end, problem, "doubt")


def _misread(reading: Reading) -> Iterable[Problem]:
    """Values of options that have a language of their own."""
    for slot in reading.slots:
        option, word = slot.parameter, slot.word
        if slot.role != "value" or not isinstance(option, Option) or option.check is None:
            continue
        fault = None if word.references else option.check(word.value[slot.at :])
        if fault is not None:
            at, text = fault
            unfinished = slot.at + at >= len(word.value)
            start = min(word.place(slot.at + at), word.end)
            yield Problem(start, word.end, text, "missing" if unfinished else "wrong")


def _placed(faults: Iterable[Fault], reading: Reading, line: Line) -> Iterable[Problem]:
    for fault in faults:
        slots = [
            slot
            for slot in reading.slots
            if slot.parameter is not None and slot.parameter.name == fault.parameter
        ]
        slot = slots[fault.item or 0] if fault.item is not None or slots else None
        yield _problem(fault, slot, line.words[-1].end)


def _problem(fault: Fault, slot: Slot | None, end: int) -> Problem:
    kind: ProblemKind = "missing" if fault.missing else "doubt" if fault.doubt else "wrong"
    if slot is None or (fault.missing and not fault.end):
        return Problem(end, end, fault.text, kind)
    word = slot.word
    whole = Problem(word.start, word.end, fault.text, kind)
    if word.references or (fault.start == 0 and fault.end is None):
        return whole
    start = word.place(slot.at + fault.start)
    stop = word.end if fault.end is None else word.place(slot.at + fault.end)
    return replace(whole, start=start, end=max(stop, start))
