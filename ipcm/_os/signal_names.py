"""Signals as they are written: by name, by number, or as members."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable
from signal import Signals

from ipcm.errors import NoSuchSignal

__all__ = ["parse_signal", "parse_signals"]


def parse_signals(names: Iterable[str | int] | str | int) -> tuple[Signals, ...]:
    """Reads several; a single one may stand without a sequence around it.

    Raises:
        NoSuchSignal: names the one that is no signal.
    """
    if isinstance(names, str | int):
        names = (names,)
    try:
        each = iter(names)
    except TypeError:
        text = f"signals are names, numbers or members, and not {names!r:.100}"
        raise NoSuchSignal(text) from None
    return tuple(map(parse_signal, each))


def parse_signal(name: str | int) -> Signals:
    """Reads a name, with or without SIG and in any case, a number, or a member.

    Raises:
        NoSuchSignal: it is none; says which name is near.
    """
    with contextlib.suppress(ValueError, KeyError, AttributeError):
        if isinstance(name, int):
            return Signals(name)
        text = name.upper()
        return Signals[text if text.startswith("SIG") else f"SIG{text}"]
    # Without SIG, which would make all of them alike; a number is like no name.
    known = [each.name.removeprefix("SIG") for each in Signals]
    near = difflib.get_close_matches(str(name).upper().removeprefix("SIG"), known, 1)
    raise NoSuchSignal(f"no signal {name!r}" + (f"; did you mean SIG{near[0]}?" if near else ""))
