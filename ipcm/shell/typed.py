"""What is typed right now, understood once for colours, validation and hints together."""

from __future__ import annotations

from ipcm.console.references import Last
from ipcm.console.statement import Statement, check
from ipcm.console.words import Problem, statements
from ipcm.shell.colour import paint
from ipcm.shell.feed import Feed
from ipcm.shell.session import Session

__all__ = ["Typed"]


class Typed:
    """Reads a text again only when it, or what lives, has changed."""

    def __init__(self, session: Session, feed: Feed) -> None:
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
        found = [self._session.understand(line) for line in statements(text)]
        self._read = [(each, check(each, self._feed)) for each in found]
        self._styles = paint(text, self._read)

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
