"""The terminal that the console is drawn on, which may go at any time: a window is closed, a
connection breaks.

Textual's own writer dies of the first write that fails then, and whoever hands it more is held up
for ever once its queue is full: neither a signal nor a key would end the console, or the demo
below it. A terminal that is gone also reads as ready, and empty, all the time.
"""

from __future__ import annotations

import os
import select
import shutil
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterable
from typing import IO, Any, Final, cast

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from ipcm_tui.models.escapes import ESCAPE, Escapes

__all__ = [
    "HUNG_UP",
    "LastingFile",
    "TerminalDriver",
    "can_be_drawn_on",
    "hung_up",
    "lasting",
    "size_where_unknown",
]

HUNG_UP: Final = 129
"""The exit code: what a shell says of a program that SIGHUP has ended."""

_LOOK: Final = 0.2

_ESCAPE: Final = 0.05
"""Seconds until an escape is the key, where ESCDELAY does not say: what a terminal sends for other
keys mostly comes in one piece, and people see the tenth of a second that Textual takes.
"""

_IDLE: Final = 0.1


class LastingFile:
    """A file that goes on taking text when nobody reads it any more."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Writes it, or loses it."""
        try:
            return self._file.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Has it written, or loses it."""
        try:
            self._file.flush()
        except OSError:
            return  # whether it is gone is looked at elsewhere; here nobody could be told

    def fileno(self) -> int:
        """The descriptor."""
        return self._file.fileno()


def hung_up(fd: int) -> bool:
    """Whether the other side of a terminal is gone."""
    poll = select.poll()
    poll.register(fd, 0)
    return bool(poll.poll(0))  # hang-ups and errors are told unasked


class TerminalDriver(LinuxDriver):
    """Leaves the console when its terminal has gone, also where no SIGHUP comes."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        if "ESCDELAY" not in os.environ:
            vars(constants)["ESCAPE_DELAY"] = _ESCAPE
        self._file = cast("Any", LastingFile(cast("IO[str]", self._file)))

    def start_application_mode(self) -> None:
        """See `Driver`; looks now and then whether the terminal is still there."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._loop.call_later(_LOOK, self._look)

    def _sigcont_application(self, *_: object) -> None:
        """Draws anew on the terminal that it comes back to.

        Not on one that is gone: whoever is in front of a window that is closed gets SIGCONT behind
        SIGHUP. And not beside what still runs, as it does where no Ctrl-Z came before, but SIGSTOP:
        two threads would read the keys, and the one that is forgotten never ends.
        """
        if hung_up(self.fileno):
            return
        if not self._must_signal_resume and self._writer_thread is not None:
            self.suspend_application_mode()
        super()._sigcont_application()

    def run_input_thread(self) -> None:
        """See `LinuxDriver`, which looks only every tenth of a second for how long an escape has
        stood alone, and gives up on all other sequences as soon.
        """
        parser, escapes = XTermParser(self._debug), Escapes()
        decode = getincrementaldecoder("utf-8")("replace").decode
        found: Iterable[Message]
        while not self.exit_event.is_set():
            patience = escapes.patience(constants.ESCAPE_DELAY)
            wait = _IDLE if patience is None else patience
            if select.select([self.fileno], [], [], wait)[0]:
                text = escapes.take(decode(os.read(self.fileno, 4096)))
                found = parser.feed(text) if text else ()
            elif patience is None:
                found = parser.tick()
            else:
                text = escapes.give_up()
                alone = not text.strip(ESCAPE)
                found = [events.Key("escape", ESCAPE) for _ in text] if alone else parser.feed(text)
            for event in found:
                self.process_message(event)

    def _look(self) -> None:
        if hung_up(self.fileno):
            self._app.exit(return_code=HUNG_UP)
        else:
            self._loop.call_later(_LOOK, self._look)


def lasting(driver: type[Driver]) -> type[Driver]:
    """What to use in place of a driver: where it is not the usual one, that itself."""
    return TerminalDriver if driver is LinuxDriver else driver


def can_be_drawn_on() -> bool:
    """Whether this process has a terminal at all, and one that knows more than lines."""
    if os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return False
    streams = (sys.__stdin__, sys.__stderr__)  # Textual draws on the latter
    return all(stream is not None and stream.isatty() for stream in streams)


def size_where_unknown() -> tuple[int, int] | None:
    """That of the environment, or a usual one, for a terminal that does not tell its own.

    A serial line is one. Textual would guess two that differ, and lay everything out again for
    one and the other without end.
    """
    known = os.get_terminal_size(sys.__stderr__.fileno() if sys.__stderr__ else 2)
    guess = shutil.get_terminal_size()
    return None if known.columns and known.lines else (guess.columns, guess.lines)
