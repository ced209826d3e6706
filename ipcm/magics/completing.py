"""Completion of `%ipcm` lines and of bodies under `%%ipcm`, from the completer of all surfaces."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import IPython.core.completer

from ipcm.console.completer import complete
from ipcm.console.live import OneLook
from ipcm.magics.parsing import OUTPUT
from ipcm.magics.session import Session
from ipcm.magics.verbs import Grammar

SimpleCompletion: Any = IPython.core.completer.SimpleCompletion
context_matcher: Any = IPython.core.completer.context_matcher

__all__ = ["Found", "find", "make_matcher"]

_START = re.compile(r"\s*%{1,2}ipcm[ \t]+|[ \t]*[\w, \t]+=[ \t]*%ipcm[ \t]+")


class Found(NamedTuple):
    """What can take the place of the end of what is typed.

    Attributes: fragment: that end. texts: the likeliest first.
    """

    fragment: str
    texts: list[str]


def find(grammar: Grammar, text: str, cursor: int, live: OneLook) -> Found | None:
    """What can come at the cursor; None where the text is none of ours.

    Args:
        text: a whole cell.
    """
    head = text[:cursor]
    whole = head.lstrip().startswith("%%ipcm")
    begin = 0 if whole else head.rfind("\n") + 1
    start = _START.match(head, begin)
    if start is None:
        return None
    typed = head[start.end() :]
    if "\n" in typed:
        line, _, body = typed.partition("\n")
        if line.split(None, 1)[0] not in ("request", "call") or body.lstrip()[:1] not in ("{", "["):
            return None  # a cell of Python: that is for others
        typed = f"{line} {body}"
    found = complete(typed, len(typed), live, grammar.names, output=OUTPUT, get=grammar.get)
    if not found:
        return None
    first = min(each.start for each in found)
    return Found(typed[first:], [typed[first : each.start] + each.text for each in found])


def make_matcher(grammar: Grammar, session: Session) -> Callable[[Any], Any]:
    """A matcher for IPython's completer."""

    def ipcm_matcher(context: Any) -> dict[str, Any]:
        lines = context.full_text.split("\n")
        cursor = sum(len(line) + 1 for line in lines[: context.cursor_line])
        live = OneLook(session.current)
        found = find(grammar, context.full_text, cursor + context.cursor_position, live)
        if found is None:
            return {"completions": []}
        return {
            "completions": [SimpleCompletion(text, type="ipcm") for text in found.texts],
            "matched_fragment": found.fragment,
            "ordered": True,
            "suppress": True,
        }

    matcher: Callable[[Any], Any] = context_matcher(identifier="ipcm", priority=100.0)(ipcm_matcher)
    return matcher
