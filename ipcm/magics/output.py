"""Results in a notebook, as display data; in IPython on a terminal, as on the command line."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import IPython.display

from ipcm.console.cards import plain_text
from ipcm.console.cells import clean, plural
from ipcm.console.html import lines_html, note_html, record_html, table_html, value_html
from ipcm.console.render import Format, PlainOutput, Renderer
from ipcm.console.results import (
    Finished,
    Frames,
    Record,
    Result,
    Span,
    Stream,
    Table,
    Value,
)

__all__ = ["REFRESH", "RichScreen", "Screen", "TextScreen", "Update", "display", "result_html"]

display: Callable[..., Any] = IPython.display.display

REFRESH: Final = 0.5
"""Seconds between two updates of one output: front ends that save or draw keep up with that."""

_LINES: Final = 500
_LINE: Final = 2000
"""Characters of a line that are shown: a saved notebook is no place for megabytes of one."""

_BURST: Final = 6.0
_NOTES: Final = 6

Update = Callable[[str, dict[str, str]], None]
"""Puts data in the place of what is displayed under an id."""


class Screen(Protocol):
    """Where results are shown.

    Attributes:
        live: somebody watches, and output can be refreshed in place without end.
    """

    live: bool

    def show(self, result: Result, format: Format) -> Any:
        """Shows it to its end; returns the data: rows, a value, None for what has none."""

    def tell(self, text: str) -> None:
        """Says what is no data."""

    def note(self, text: str, update: Update) -> Callable[[str], None]:
        """Makes a place in the output of this cell for what is told of it later.

        Args:
            text: what stands there at first. update: puts something in a place.

        Returns:
            Tells it.
        """


def result_html(result: Table[Any] | Record | Value) -> str:
    """What is all there, as HTML."""
    match result:
        case Table():
            return table_html(result)
        case Record():
            return record_html(result)
        case Value():
            return value_html(result)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


class TextScreen:
    """A terminal, as the command line uses it."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty() and sys.stdin.isatty()

    def show(self, result: Result, format: Format) -> Any:
        """See `Screen`."""
        kept = _Kept()
        if self.live and format == "table":
            from ipcm.console.terminal import TerminalOutput

            Renderer(TerminalOutput(sys.stdout), format, self.tell).show(kept.through(result))
        else:
            _show_text(kept.through(result), format, self.tell)
        return kept.data

    def refreshing(self) -> AbstractContextManager[Callable[[list[list[Span]]], None]]:
        """In the block, each call shows lines in the place of those before."""
        if not self.live:
            return PlainOutput(_write).refreshing()
        from ipcm.console.terminal import TerminalOutput

        return TerminalOutput(sys.stdout).refreshing()

    def tell(self, text: str) -> None:
        """See `Screen`."""
        _write(clean(text, keep_lines=True) + "\n")

    def note(self, text: str, update: Update) -> Callable[[str], None]:
        """See `Screen`; a terminal has no such places."""
        return self.tell


class RichScreen:
    """A front end that shows HTML."""

    live = False

    def show(self, result: Result, format: Format) -> Any:
        """See `Screen`."""
        kept = _Kept()
        result = kept.through(result)
        if format != "table":
            _show_text(result, format, self.tell)
        else:
            match result:
                case Table() | Record() | Value():
                    display(_bundle(result), raw=True)
                case Stream():
                    self._show_lines(result)
                case Frames():
                    self._show_frames(result)
                case Finished():
                    pass
        return kept.data

    def tell(self, text: str) -> None:
        """See `Screen`."""
        display(_note_bundle(text), raw=True)

    def note(self, text: str, update: Update) -> Callable[[str], None]:
        """See `Screen`."""
        lines = deque([text], _NOTES)
        handle = display(_note_bundle(text), raw=True, display_id=True)

        def tell(text: str) -> None:
            lines.append(text)
            update(handle.display_id, _note_bundle("\n".join(lines)))

        return tell

    def _show_frames(self, frames: Frames[Any]) -> None:
        handle = None
        for table in frames.frames:
            if handle is None:
                handle = display(_bundle(table), raw=True, display_id=True)
            else:
                handle.update(_bundle(table), raw=True)

    def _show_lines(self, stream: Stream[Any]) -> None:
        lines: list[Sequence[Span]] = []
        handle = display(_lines_bundle(lines, 0), raw=True, display_id=True)
        count = shown = 0
        budget = _Budget()
        try:
            for row in stream.rows:
                lines.append(_cut(stream.line(row)))
                del lines[:-_LINES]
                count += 1
                if budget.take():
                    handle.update(_lines_bundle(lines, count), raw=True)
                    shown = count
        finally:
            if not count:
                lines.append([("nothing happened", "faint")])
            if shown != count or not count:
                handle.update(_lines_bundle(lines, count), raw=True)


class _Budget:
    """Two updates a second, and a few at once where there was none for a while."""

    def __init__(self) -> None:
        self._left, self._last = _BURST, time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._left + (now - self._last) / REFRESH, _BURST)
        self._last = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class _Kept:
    """Keeps the data of a result while it is shown."""

    def __init__(self) -> None:
        self.data: Any = None

    def through(self, result: Result) -> Result:
        match result:
            case Table():
                self.data = list(result.rows)
            case Record() | Value():
                self.data = result.value
            case Stream():
                self.data = []
                return Stream(
                    self._each(result.rows),
                    result.line,
                    result.field_names,
                    result.fields,
                    result.endless,
                )
            case Frames():
                return Frames(self._last(result.frames), result.endless)
        return result

    def _each(self, rows: Iterable[Any]) -> Any:
        for row in rows:
            self.data.append(row)
            yield row

    def _last(self, frames: Iterable[Table[Any]]) -> Any:
        for table in frames:
            self.data = list(table.rows)
            yield table


def _show_text(result: Result, format: Format, tell: Any) -> None:
    Renderer(PlainOutput(_write), format, tell, indent=True).show(result)


def _bundle(result: Table[Any] | Record | Value) -> dict[str, str]:
    return {"text/plain": plain_text(result), "text/html": result_html(result)}


def _note_bundle(text: str) -> dict[str, str]:
    return {"text/plain": clean(text, keep_lines=True), "text/html": note_html(text)}


def _cut(line: Sequence[Span]) -> Sequence[Span]:
    """A line, without the end of one that nobody would read."""
    left_out = sum(len(text) for text, _ in line) - _LINE
    if left_out <= 0:
        return line
    kept: list[Span] = []
    room = _LINE
    for text, style in line:
        kept.append((text[:room], style))
        room = max(room - len(text), 0)
    return [*kept, (f" ... and {plural(left_out, 'character')}", "faint")]


def _lines_bundle(lines: list[Sequence[Span]], count: int) -> dict[str, str]:
    shown = list(lines)
    if (left_out := count - len(lines)) > 0:
        shown.insert(0, [(f"... {plural(left_out, 'line')} before", "faint")])
    plain = "\n".join(clean("".join(text for text, _ in line)) for line in shown)
    return {"text/plain": plain, "text/html": lines_html(shown)}
