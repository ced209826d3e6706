"""What is typed right now, understood once for colours, validation and hints together."""

from __future__ import annotations

from typing import Protocol

from ipcm.console.completer import complete
from ipcm.console.live import Live
from ipcm.console.references import Last
from ipcm.console.statement import Statement, check
from ipcm.console.words import Problem, statements
from ipcm.shell.colour import paint
from ipcm.shell.session import LEAVING, VERBS, Session

__all__ = ["Known", "Typed"]


class Known(Live, Protocol):
    """What lives.

    Attributes: version: another number whenever that has changed.
    """

    version: int


class Typed:
    """Reads a text again only when it, or what lives, has changed."""

    def __init__(self, session: Session, feed: Known) -> None:
        self._session = session
        self._feed = feed
        self._key: tuple[str, int, Last | None] | None = None
        self._read: list[tuple[Statement, list[Problem]]] = []
        self._styles: list[str] = []

    def _look(self, text: str) -> None:
        key = (text, self._feed.version, self._session.last)
        if key == self._key:
            return
        self._key = key
        lines = [] if text.strip() in LEAVING else statements(text)
        found = [self._session.understand(line) for line in lines]
        self._read = [(each, check(each, self._feed)) for each in found]
        if any(p.end == len(text) for _, found in self._read for p in found) and self._begun(text):
            self._read = [(each, _finished(text, found)) for each, found in self._read]
        self._styles = paint(text, self._read)

    def _begun(self, text: str) -> bool:
        """Whether the word at the end can become something by going on."""
        session = self._session
        offers = complete(text, len(text), self._feed, VERBS, session.asking, response=session.last)
        return any(
            each.text.startswith(text[each.start :])
            for each in offers
            if text[each.start :].strip()
        )

    def styles(self, text: str) -> list[str]:
        """A style for every character."""
        self._look(text)
        return self._styles

    def at(self, text: str, cursor: int) -> tuple[Statement | None, list[Problem]]:
        """The statement at the cursor, and what is wrong: with it, else with another."""
        self._look(text)
        here = [each for each in self._read if each[0].line.start <= cursor <= each[0].line.end]
        if here and here[-1][1]:
            return here[-1]
        broken = [each for each in self._read if any(p.kind == "wrong" for p in each[1])]
        if not broken and not here:
            return None, []
        return (broken or here)[0]

    def open(self, text: str) -> bool:
        """Whether the text goes on in a next line."""
        self._look(text)
        return bool(self._read) and self._read[-1][0].line.open


def _finished(text: str, problems: list[Problem]) -> list[Problem]:
    """Without what is only wrong for as long as the word at the end is not finished."""
    return [each for each in problems if each.end < len(text) or each.start == each.end]
