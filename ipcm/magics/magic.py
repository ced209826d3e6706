"""The `%ipcm` magic: parses a line, runs its verb, shows the result."""

from __future__ import annotations

import atexit
import contextlib
import sys
from typing import Any

from IPython.core.error import StdinNotImplementedError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from ipcm.console.common import Common
from ipcm.console.render import FORMATS
from ipcm.console.results import Value
from ipcm.console.streams import is_yes, prompt
from ipcm.console.verb import Verb
from ipcm.errors import IPCMError, UsageError
from ipcm.magics.completing import make_matcher
from ipcm.magics.failing import shortened
from ipcm.magics.help import overview, rewrite_help, verb_help
from ipcm.magics.output import RichScreen, Screen, TextScreen
from ipcm.magics.parsing import parse_line
from ipcm.magics.session import Session
from ipcm.magics.verbs import CellContext, Grammar
from ipcm.role import launcher

__all__ = ["IPCMMagics", "install", "uninstall"]

_ENDLESS = frozenset(("tail", "top", "logs"))
_CHOOSE_THEMSELVES = frozenset(("ls", "service"))
"""Verbs that do without a bus: one lists all of them, one makes one where there is none."""


@magics_class
class IPCMMagics(Magics):
    """Services on a private message bus: see them live, ask them, steer them."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        on_terminal = getattr(shell, "kernel", None) is None and sys.stdout.isatty()
        self.screen: Screen = TextScreen() if on_terminal else RichScreen()
        self.session = Session(shell, self.screen)
        self.grammar = Grammar(self.session, self._help)
        self.matcher = make_matcher(self.grammar, self.session)

    @no_var_expand
    @line_cell_magic
    def ipcm(self, line: str, cell: str | None = None) -> Any:
        """Runs a verb; `overview` says which there are."""
        try:
            reading = parse_line(self.grammar, line)
            if reading is None:
                self._help(None)
            elif reading.help:
                self._help(reading.verb)
            else:
                return self._perform(reading.verb, reading.common, reading.values, cell)
        except (IPCMError, OSError, KeyboardInterrupt) as error:
            short = shortened(error)
            if short is error:
                raise
            raise short from None
        return None

    def _perform(self, verb: Verb, common: Common, values: dict[str, Any], cell: str | None) -> Any:
        """Runs a verb and shows what it gives; returns the answer of a verb that asks."""
        if cell is not None and verb.name not in self.grammar.cells:
            raise UsageError(f"`{verb.name}` takes no cell: %ipcm {verb.name}, with one %")
        format = common.output if common.output in FORMATS else None
        name = common.output if format is None else None
        if name is not None:
            self.session.check_name(name)
        chooses = verb.name in _CHOOSE_THEMSELVES or not verb.on_bus
        context = CellContext(
            bus=common.bus if chooses else self.session.bus(common.bus),
            timeout=common.timeout,
            terminal=self.screen.live and format in (None, "table"),
            narrate=self.screen.tell,
            ask=_ask,
            sure=common.yes,
            session=self.session,
            call="%ipcm ",
            cell=cell,
            variable=name,
        )
        try:
            result = verb.run(context, **values)
            if isinstance(result, Value) and format is None:
                data = answer = result.value
            else:
                data, answer = self.screen.show(result, format or "table"), None
        except KeyboardInterrupt:
            if verb.name not in _ENDLESS:
                raise
            return None  # that is how one ends it
        if name is not None:
            self.session.bind(name, data)
        return answer

    def _help(self, verb: Verb | None) -> None:
        text = overview(self.grammar) if verb is None else verb_help(self.grammar, verb)
        sys.stdout.write(text + "\n")


def _ask(question: str) -> bool:
    try:
        answer = input(prompt(question))
    except (EOFError, StdinNotImplementedError):
        raise UsageError("nobody can be asked here: -y says yes beforehand") from None
    return is_yes(answer)


_loaded: dict[Any, IPCMMagics] = {}


def install(shell: Any) -> None:
    """Gives a shell the magic; fine where it has it."""
    if shell in _loaded:
        return
    # Forks services for us, and is better ready before the first one is wanted.
    with contextlib.suppress(OSError):  # the first service tells, if there is still no process
        launcher.warm()
    magics = IPCMMagics(shell)
    IPCMMagics.ipcm.__doc__ = overview(magics.grammar)
    shell.register_magics(magics)
    shell.input_transformers_cleanup.append(rewrite_help)
    shell.Completer.custom_matchers.append(magics.matcher)
    shell.events.register("pre_run_cell", magics.session.before_cell)
    shell.events.register("post_run_cell", magics.session.after_cell)
    atexit.register(uninstall, shell)
    _loaded[shell] = magics


def uninstall(shell: Any) -> None:
    """Ends what cells have started, and takes the magic away."""
    magics = _loaded.pop(shell, None)
    if magics is None:
        return
    atexit.unregister(uninstall)
    magics.session.close()
    launcher.cool()
    shell.input_transformers_cleanup.remove(rewrite_help)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("ipcm", None)
    shell.Completer.custom_matchers.remove(magics.matcher)
    shell.events.unregister("pre_run_cell", magics.session.before_cell)
    shell.events.unregister("post_run_cell", magics.session.after_cell)
