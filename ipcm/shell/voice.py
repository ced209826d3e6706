"""How a shell speaks and asks: at a terminal, or from a script."""

from __future__ import annotations

import sys
from typing import Protocol

from ipcm.console.cells import clean
from ipcm.console.render import Output, PlainOutput
from ipcm.console.streams import ask, is_yes, prompt, tell, write
from ipcm.console.terminal import TerminalOutput

__all__ = ["ScriptVoice", "TerminalVoice", "Voice"]


class Voice(Protocol):
    """What says and asks.

    Attributes: terminal: whether a person watches, and output can be refreshed in place.
    """

    terminal: bool

    def output(self) -> Output:
        """Where results go."""

    def narrate(self, text: str) -> None:
        """Tells what is no data."""

    def complain(self, text: str) -> None:
        """Tells what went wrong."""

    def ask(self, question: str) -> bool | None:
        """Asks for a yes; None where nobody can be asked."""


class TerminalVoice:
    """A person at a terminal."""

    terminal = True

    def output(self) -> Output:
        """See `Voice`."""
        return TerminalOutput(sys.stdout)

    def narrate(self, text: str) -> None:
        """See `Voice`."""
        tell(text)

    def complain(self, text: str) -> None:
        """See `Voice`."""
        if not sys.stderr.isatty():
            tell(text)
            return
        error = TerminalOutput(sys.stderr)
        for number, line in enumerate(clean(text, keep_lines=True).splitlines()):
            error.write_line([(line, "" if number else "bad")])

    def ask(self, question: str) -> bool | None:
        """See `Voice`."""
        return ask(question)


class ScriptVoice:
    """Nobody, unless there is a terminal to ask at."""

    terminal = False

    def __init__(self) -> None:
        self.where = ""

    def output(self) -> Output:
        """See `Voice`."""
        return PlainOutput(write)

    def narrate(self, text: str) -> None:
        """See `Voice`."""
        tell(text)

    def complain(self, text: str) -> None:
        """See `Voice`; with the line of the script that is at fault."""
        tell(f"ipcm: {self.where}{text}")

    def ask(self, question: str) -> bool | None:
        """See `Voice`: at the terminal itself, for standard input is the script."""
        try:
            with open("/dev/tty", "w") as out, open("/dev/tty") as answers:
                out.write(prompt(question))
                out.flush()
                return is_yes(answers.readline())
        except OSError:
            return None  # there is none
