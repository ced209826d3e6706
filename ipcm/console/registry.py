"""The verbs by name; a verb's module is loaded when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable

from ipcm.console.verb import Verb
from ipcm.errors import UsageError

__all__ = ["NAMES", "SESSION_NAMES", "get_verb", "suggest"]

NAMES: tuple[str, ...] = (
    "ls",
    "ps",
    "info",
    "describe",
    "top",
    "tail",
    "logs",
    "request",
    "call",
    "signal",
    "terminate",
    "kill",
    "run",
    "bench",
    "demo",
    "tui",
    "shell",
)
"""Every verb, in the order in which a surface lists them."""


SESSION_NAMES: tuple[str, ...] = ("attach", "detach", "help")
"""Those of surfaces that have a current bus, and no command line in front of them."""


def get_verb(name: str) -> Verb:
    """The verb of this name.

    Raises:
        UsageError: there is none; with the nearest.
    """
    if name not in NAMES and name not in SESSION_NAMES:
        raise UsageError(f"no verb {name!r}{suggest(name)}")
    verb = importlib.import_module(f"ipcm.console.verbs.{name}").VERB
    assert isinstance(verb, Verb)
    return verb


def suggest(name: str, names: Iterable[str] = NAMES) -> str:
    """What may have been meant, to go behind an error; "" where nothing is near."""
    near = difflib.get_close_matches(name, list(names), 1)
    return f": did you mean {near[0]!r}?" if near else ""
