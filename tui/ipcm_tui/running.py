"""Runs a typed line, as the command line would, in a thread of its own."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast

from ipcm.console.grammar import Reading
from ipcm.console.performing import perform
from ipcm.console.registry import NAMES, get_verb
from ipcm.console.render import Format, Renderer
from ipcm.console.results import Frames, Result, Span, Stream
from ipcm.console.statement import Statement, understand
from ipcm.console.verb import Context, Verb
from ipcm.console.verbs.help import help_of
from ipcm.console.waiting import OutputClosed
from ipcm.console.words import lex

__all__ = ["ELSEWHERE", "Run", "read_line", "verbs"]

ELSEWHERE: Final = ("run", "demo")
"""Verbs that want a terminal for themselves."""

Line = list[Span]


def verbs() -> dict[str, Verb]:
    """The verbs of the shared grammar, by name."""
    return {name: get_verb(name) for name in (*NAMES, "help")}


def read_line(text: str, known: dict[str, Verb]) -> Statement:
    """What a typed line says; see `Statement.wrong` for what keeps it from being run."""
    return understand(lex(text), known)


class Run:
    """One verb under way.

    Args:
        verb: of the statement. reading: what was said to it.
        bus: the one meant where the line names none. width: columns of the screen.
        read_only: what would change something is refused by the verb.
        ask: asks a yes-or-no question, and waits for the answer; called in the thread.
        tell: gets each line of the output; called in the thread.
        end: gets the exit code; called in the thread. Each of the three may raise OutputClosed.

    Raises:
        OSError, RuntimeError: there is no descriptor left for it, or no thread.

    Attributes:
        went_on: whether its output comes bit by bit; None while there is none.
    """

    def __init__(
        self,
        verb: Verb,
        reading: Reading,
        *,
        bus: str,
        width: int,
        read_only: bool,
        ask: Callable[[str], bool],
        tell: Callable[[Line], None],
        end: Callable[[int], None],
    ) -> None:
        self._verb = verb
        self._reading = reading
        self._width = width
        self._tell = tell
        self._end = end
        self.went_on: bool | None = None
        self._listening, self._writing = os.pipe()
        common = reading.common
        self._context = Context(
            bus=common.bus or bus,
            timeout=common.timeout,
            narrate=lambda text: self._say(text, "dim"),
            ask=ask,
            sure=common.yes,
            output=self._writing,
            read_only=read_only,
            call="",
        )
        try:
            threading.Thread(target=self._perform, daemon=True, name="ipcm verb").start()
        except RuntimeError:
            os.close(self._writing)
            self.stop()
            raise

    def stop(self) -> None:
        """Nobody listens any more: what has no end ends. Repeatable."""
        if self._listening >= 0:
            os.close(self._listening)
            self._listening = -1

    def _perform(self) -> None:
        code = 0
        try:
            code = self._run()
        except OutputClosed:
            pass
        finally:
            os.close(self._writing)
            with contextlib.suppress(OutputClosed):
                self._end(code)

    def _run(self) -> int:
        verb, context, said = self._verb, self._context, self._reading
        lines = _Lines(self._width, self._emit)
        if said.help:
            self.went_on = False
            return Renderer(lines, "table", context.narrate).show(help_of(verb))
        if context.read_only and not verb.harmless:
            self._complain("This console is read-only; nothing was done.")
            return 0
        format = cast("Format", said.common.output or verb.format)
        renderer = Renderer(lines, format, context.narrate, indent=True)
        return perform(verb, said.values, context, renderer, self._complain, self._see)

    def _see(self, result: Result) -> None:
        self.went_on = isinstance(result, Stream | Frames)

    def _complain(self, text: str) -> None:
        self._say(text, "bad")

    def _say(self, text: str, style: str) -> None:
        for line in text.splitlines():
            self._emit([(line, style)])

    def _emit(self, line: Sequence[Span]) -> None:
        if self._listening < 0:
            raise OutputClosed
        self._tell(list(line))


class _Lines:
    """An `Output` that hands its lines on."""

    def __init__(self, screen: int, emit: Callable[[Sequence[Span]], None]) -> None:
        self.screen: int | None = screen
        self._emit = emit

    def write(self, text: str) -> None:
        for line in text.removesuffix("\n").split("\n"):
            self._emit([(line, "")])

    def write_line(self, line: Sequence[Span]) -> None:
        self._emit(line)

    @contextlib.contextmanager
    def refreshing(self) -> Iterator[Callable[[list[Line]], None]]:
        def show(lines: list[Line]) -> None:
            for line in lines:
                self._emit(line)

        yield show
