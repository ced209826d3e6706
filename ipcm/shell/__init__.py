"""`ipcm shell`: verbs at a prompt, or one a line from a script.

session.py   the state between lines, and running one: pipes, files, questions
script.py    standard input that is no terminal
prompt.py    the prompt: keys, completion, validation, colours; toolbar.py: what stands under it
feed.py      what the prompt knows of its bus, kept fresh; follow.py: its traffic
history.py   what was typed, without its secrets
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from ipcm.bus import AnyBus, Bus, find_bus
from ipcm.errors import ManyBuses, NoSuchBus, UsageError
from ipcm.shell.session import ASK, Session
from ipcm.shell.voice import ScriptVoice, TerminalVoice, Voice

__all__ = ["main"]


def main(
    bus: AnyBus | None = None,
    *,
    read_only: bool = False,
    keep_going: bool = False,
    ask: Sequence[str] | None = None,
) -> int:
    """Runs the shell: a prompt where standard input is a terminal, else a script.

    Args:
        bus: the current one at the start; None for the only one that runs, if one does.
        read_only: verbs that change something are refused.
        keep_going: a script does not stop at an error.
        ask: verbs that have to be confirmed; None for those of `IPCM_ASK`, else those that end
            something.

    Returns:
        The exit code: of a script that of its first failure.

    Raises:
        NoSuchBus, BadBusInfo, BusGone: the bus that was named is not there.
        UsageError: what the prompt needs is not installed, or its output is no terminal.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="backslashreplace")
    asking = frozenset(_asking() if ask is None else ask)
    terminal = sys.stdin.isatty()
    if terminal and not sys.stdout.isatty():
        raise UsageError("a prompt needs a terminal to be shown on; a script is standard input")
    voice: Voice = TerminalVoice() if terminal else ScriptVoice()
    current = _first_bus(bus, voice if terminal else None)
    session = Session(current, voice, read_only=read_only, asking=asking)
    if not terminal:
        from ipcm.shell.script import run_script

        return run_script(session, sys.stdin, keep_going)
    try:
        from ipcm.shell.prompt import run_prompt
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the prompt needs {error.name}, which is missing: pip install 'ipcm[shell]'"
        ) from None
    return run_prompt(session)


def _asking() -> Sequence[str]:
    listed = os.environ.get("IPCM_ASK")
    return ASK if listed is None else listed.replace(",", " ").split()


def _first_bus(bus: AnyBus | None, voice: Voice | None) -> Bus | None:
    """The one to start on; None where none was named, and there is not exactly one."""
    try:
        return find_bus(bus)
    except (NoSuchBus, ManyBuses) as error:
        if bus is not None or os.environ.get("IPCM_BUS"):
            raise
        if voice is not None:
            voice.narrate(f"{error}\n`attach` makes one the current one, once it is there")
        return None
