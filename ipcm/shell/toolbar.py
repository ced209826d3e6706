"""What stands under the prompt: what is wrong or what comes next, and how the bus does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ipcm.console.cells import cell_width, clean, plural, rate_text
from ipcm.console.live import Live
from ipcm.console.statement import Statement
from ipcm.console.words import Problem
from ipcm.shell.feed import Figures

__all__ = ["BarState", "Fragments", "bar", "hint"]

Fragments: TypeAlias = list[tuple[str, str]]
"""As prompt_toolkit has them: (style, text)."""

_FLASHES: Final = 3


@dataclass(frozen=True, slots=True)
class BarState:
    """All that the bar shows.

    Attributes:
        bus: name of the current one, or None. gone: it has ended.
        flashes: who came and left just now. dropped: events that were not shown.
        format: None for each verb's own. following: traffic is shown. vi: the keys are vi's.
    """

    bus: str | None
    gone: bool
    figures: Figures
    flashes: Sequence[str]
    dropped: int
    format: str | None
    following: bool
    vi: bool
    read_only: bool


def bar(state: BarState, room: int | None = None) -> Fragments:
    """The bar itself, without what matters least where there is not the room for all.

    Args:
        room: columns of the terminal; None for any number.
    """
    figures = state.figures
    name: Fragments = [("class:bar.name", clean(state.bus or "no bus"))]
    if state.gone:
        name.append(("class:bar.bad", " has ended"))
    # With each the order in which they go, the highest first.
    ranked: list[tuple[int, Fragments]] = [(0, name)]
    if state.read_only:
        ranked.append((1, [("class:bar.good", "read-only")]))
    errors, dropped = bool(figures.errors), bool(state.dropped)
    ranked += [
        (3, [("", plural(figures.peers, "peer")), *_flashes(state.flashes)]),
        (4 if figures.open else 8, [("", f"{figures.open} open")]),
        (2 if errors else 7, [("class:bar.bad" * errors, plural(figures.errors, "error"))]),
        (6, [("", f"{rate_text(figures.rate)}/s")]),
        (2 if dropped else 9, [("class:bar.bad" * dropped, f"{state.dropped} dropped")]),
        (4, _key("F2", state.format or "auto")),
        (4, _key("F3", "following" if state.following else "follow")),
        (5, _key("F4", "vi" if state.vi else "emacs")),
    ]
    while room is not None and len(ranked) > 1 and _width(_joined(ranked)) > room:
        ranked.remove(max(reversed(ranked), key=lambda part: part[0]))
    return _joined(ranked)


def _joined(ranked: Sequence[tuple[int, Fragments]]) -> Fragments:
    fragments: Fragments = [("", " ")]
    for number, (_, part) in enumerate(ranked):
        if number:
            fragments.append(("class:bar.faint", " | "))
        fragments += part
    return fragments


def _width(fragments: Fragments) -> int:
    return sum(cell_width(text) for _, text in fragments)


def _key(key: str, does: str) -> Fragments:
    return [("class:bar.key", key), ("", f" {does}")]


def _flashes(flashes: Sequence[str]) -> Fragments:
    shown: Fragments = []
    for flash in flashes[-_FLASHES:]:
        style = "class:bar.good" if flash.startswith("+") else "class:bar.bad"
        shown += [("", " "), (style, clean(flash))]
    if len(flashes) > _FLASHES:
        shown.append(("", f" and {len(flashes) - _FLASHES} more"))
    return shown


def hint(statement: Statement | None, problems: Sequence[Problem], live: Live) -> Fragments:
    """One line above the bar: what is wrong, else what the verb or endpoint takes.

    Args:
        problems: of the statement, the weightiest first.
    """
    if problems and problems[0].kind != "missing":
        first = problems[0]
        style = {"wrong": "hint.wrong", "doubt": "hint.doubt"}.get(first.kind, "hint")
        return [(f"class:{style}", f" {clean(first.text)}")]
    if statement is None or statement.verb is None or statement.reading is None:
        return [("class:hint", " help lists the verbs, Tab completes, Ctrl-D leaves")]
    values = statement.reading.values
    service, name = values.get("peer") or values.get("service"), values.get("endpoint")
    about = live.description(str(service)) if service and name else None
    endpoint = about.endpoint(str(name)) if about else None
    text = endpoint.signature if endpoint is not None else statement.verb.summary
    if problems:
        text = f"{problems[0].text}; {text}" if endpoint is not None else problems[0].text
    return [("class:hint", f" {clean(text)}")]
