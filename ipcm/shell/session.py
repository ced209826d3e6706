"""What lasts from one line to the next, and running a line."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, cast

from ipcm.bus import Bus, find_bus
from ipcm.console.caret import point_at
from ipcm.console.exits import Exit, exit_for
from ipcm.console.performing import explain, perform
from ipcm.console.references import Last
from ipcm.console.registry import NAMES, SESSION_NAMES, get_verb
from ipcm.console.render import FORMATS, Format, Renderer
from ipcm.console.results import Result, Value
from ipcm.console.statement import Statement, understand
from ipcm.console.verb import Context, Verb
from ipcm.console.verbs.help import help_of
from ipcm.console.words import Line, Problem
from ipcm.errors import BusGone, IPCMError, UnsupportedError, UsageError
from ipcm.shell.outlet import Outlet, open_outlet
from ipcm.shell.voice import Voice

__all__ = ["ASK", "LEAVING", "VERBS", "Session"]

ASK: Final = ("terminate", "kill")
"""What has to be confirmed, where nobody says otherwise."""

LEAVING: Final = ("exit", "quit")
"""Lines that leave a shell."""

VERBS: Final = tuple(name for name in (*NAMES, *SESSION_NAMES) if name != "shell")
"""The verbs that a shell has."""


class Session:
    """The current bus, output format and last response of a shell.

    Args:
        bus: the current one, or None.
        voice: how it speaks and asks.
        read_only: verbs that change something are refused.
        asking: names of the verbs that have to be confirmed.

    Attributes:
        format: for all that has no -o; None for each verb's own.
        last: the last response, that `$_` stands for.
    """

    def __init__(
        self,
        bus: Bus | None,
        voice: Voice,
        *,
        read_only: bool = False,
        asking: Collection[str] = ASK,
    ) -> None:
        unknown = ", ".join(sorted(set(asking) - set(VERBS)))
        if unknown:
            raise UsageError(f"no verbs to ask about: {unknown}")
        self.current = bus
        self.voice = voice
        self.read_only = read_only
        self.asking = frozenset(asking)
        self.format: Format | None = None
        self.last: Last | None = None
        self.verbs = {name: get_verb(name) for name in VERBS}

    # The current bus

    def attach(self, bus: str | None) -> Bus:
        """See `ipcm.console.verb.Session`."""
        self.current = find_bus(bus)
        return self.current

    def detach(self) -> Bus:
        """See `ipcm.console.verb.Session`."""
        if self.current is None:
            raise UsageError("no bus is current: `attach BUS` makes one")
        bus, self.current = self.current, None
        return bus

    # Lines

    def cycle_format(self) -> None:
        """The next output format; after the last each verb's own."""
        order = (None, *FORMATS)
        self.format = order[(order.index(self.format) + 1) % len(order)]

    def understand(self, line: Line) -> Statement:
        """What a line says here."""
        return understand(line, self.verbs, asking=self.asking, last=self.last)

    def run(self, text: str, line: Line) -> int:
        """Runs a line of a text.

        Returns:
            Its exit code.

        Raises:
            Interrupted: by the user, or by whoever ends the shell.
        """
        if line.empty and not line.problems:
            return Exit.OK
        statement = self.understand(line)
        if statement.wrong is not None:
            self._complain_at(text, statement.wrong)
            return Exit.USAGE
        code = 0
        try:
            with open_outlet(line, self.voice) as outlet:
                code = self._perform(text, statement, outlet)
        except OSError as error:
            # What could not be written is in the way again when the file is closed.
            if not code:
                self.voice.complain(explain(error))
            return code or Exit.SERVICE_ERROR
        return code or outlet.exit

    def _perform(self, text: str, statement: Statement, outlet: Outlet) -> int:
        verb, reading = statement.verb, statement.reading
        assert verb is not None and reading is not None  # nothing is wrong with it
        common = reading.common
        format = cast("Format", common.output or self.format or verb.format)
        renderer = Renderer(outlet.output, format, self.voice.narrate, indent=outlet.terminal)
        if reading.help:
            return Renderer(outlet.output, "table", self.voice.narrate).show(help_of(verb))
        try:
            self._check(verb, common.yes, text, statement)
            bus = self._bus(verb, common.bus)
        except IPCMError as error:
            self.voice.complain(explain(error))
            return exit_for(error)
        context = Context(
            bus=bus,
            timeout=common.timeout,
            terminal=outlet.terminal and format == "table",
            narrate=self.voice.narrate,
            ask=self._ask,
            sure=common.yes or verb.name not in self.asking,
            cautious=True,
            output=outlet.fd,
            session=self,
            read_only=self.read_only,
            call="",
        )
        return perform(verb, reading.values, context, renderer, self.voice.complain, self._see)

    def _bus(self, verb: Verb, named: str | None) -> Bus | str | None:
        """The bus that a verb is for; a current one that has ended is not silently replaced."""
        if named is not None or self.current is None or verb.name == "ls":
            return named
        if verb.on_bus:
            try:
                self.current.presence()
            except BusGone:
                raise BusGone(
                    f"the bus {self.current.name!r} has ended; `attach` picks another"
                ) from None
        return self.current

    def _check(self, verb: Verb, sure: bool, text: str, statement: Statement) -> None:
        if self.read_only and not verb.harmless:
            raise UnsupportedError(f"this shell is read-only, and {verb.name} changes something")
        # Verbs that end something ask themselves, once they know what it is.
        if verb.name in self.asking and not verb.destructive and not sure:
            words = statement.line.words
            said = " ".join(text[words[0].start : words[-1].end].split())
            Context(ask=self._ask).confirm(said)

    def _ask(self, question: str) -> bool:
        answer = self.voice.ask(question)
        if answer is None:
            raise UsageError(f"{question} Nobody can be asked here: -y says yes beforehand")
        return answer

    def _see(self, result: Result) -> None:
        if isinstance(result, Value):
            self.last = Last.of(result.value)

    def _complain_at(self, text: str, problem: Problem) -> None:
        start = text.rfind("\n", 0, problem.start) + 1
        line = text[start:].partition("\n")[0]
        pointed = point_at(line, problem.start - start) if line.strip() else []
        self.voice.complain("\n".join([problem.text, *pointed]))
