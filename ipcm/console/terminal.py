"""Output to a terminal: styled, cut to its width, refreshed in place."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from ipcm.console.render import below
from ipcm.console.results import Span

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["TerminalOutput"]

_STYLES = {
    "heading": "bold",
    "name": "cyan",
    "good": "green",
    "bad": "red",
    "loud": "bold yellow",
    "faint": "dim",
    "in": "blue",
    "out": "magenta",
}


class TerminalOutput:
    """See `ipcm.console.render.Output`.

    Args:
        file: the terminal.
    """

    def __init__(self, file: TextIO) -> None:
        from rich.console import Console, ConsoleDimensions

        self._file = file
        self._console = Console(file=file, highlight=False, markup=False, emoji=False)
        width, height = self._console.size
        if not (width and height):
            # COLUMNS=0 and LINES=0 say that nobody knows, not that there is no room.
            known = shutil.get_terminal_size()
            self._console.size = ConsoleDimensions(width or known.columns, height or known.lines)

    @property
    def screen(self) -> int | None:
        """See `Output`; asked each time, for terminals change their size."""
        return self._console.width

    def write(self, text: str) -> None:
        """See `Output`."""
        self._file.write(text)
        self._file.flush()

    def write_line(self, line: Sequence[Span]) -> None:
        """See `Output`."""
        self._console.print(_text(line), soft_wrap=True)
        self._file.flush()

    @contextlib.contextmanager
    def refreshing(self) -> Iterator[Callable[[list[list[Span]]], None]]:
        """See `Output`; where nothing can be overwritten, the frames follow each other."""
        if self._console.is_dumb_terminal:
            yield below(self)
            return
        from rich.live import Live
        from rich.text import Text

        # Refreshed by hand: a refresh of its own accord would take a thread.
        with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
            # Whoever stops or kills it would be left on a terminal without one.
            self._console.show_cursor(True)

            def show(lines: list[list[Span]]) -> None:
                room = self._console.height
                if 0 < room < len(lines):
                    kept = lines[: room - 1]
                    lines = [*kept, [(f"... {len(lines) - len(kept)} more", "faint")]]
                live.update(Text("\n", no_wrap=True).join(map(_text, lines)), refresh=True)

            yield show


def _text(line: Sequence[Span]) -> Text:
    from rich.text import Text

    text = Text(no_wrap=True, overflow="crop")
    for piece, style in line:
        text.append(piece, _STYLES.get(style, ""))
    return text
