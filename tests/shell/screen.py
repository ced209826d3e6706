"""A shell on a real terminal, and what that shows."""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyte

from tests.terminals import start_on_terminal

LIMIT = 20.0
ROWS, COLUMNS = 30, 100

DRAWN = b"\x1b[?25h"
"""Shows the cursor: the last that the prompt writes of a picture."""

KEYS = {"F2": "\x1bOQ", "F3": "\x1bOR", "F4": "\x1bOS", "Tab": "\t", "Right": "\x1b[C",
        "^C": "\x03", "^D": "\x04", "^R": "\x12", "Enter": "\r", "Up": "\x1b[A"}  # fmt: skip


class Screen:
    """A program on a terminal of 100 columns and 30 rows."""

    def __init__(self, command: list[str], answering: bool = True, **environment: str) -> None:
        self._screen = pyte.HistoryScreen(COLUMNS, ROWS, history=5000)
        self._stream = pyte.ByteStream(self._screen)
        self._unread = b""
        told = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "", **environment}
        told.pop("NO_COLOR", None)  # colours are looked at
        if answering:
            self._screen.write_process_input = self._answer
        size = (ROWS, COLUMNS)
        self.process, self.master = start_on_terminal(command, told, size=size, controlling=True)

    def _answer(self, text: str) -> None:
        os.write(self.master, text.encode())

    def read(self, timeout: float) -> bool:
        """Takes in what the program writes, up to the end of a picture; False where nothing came.

        Some pictures stay for a moment only, and when this process has stood still for longer
        than that, the next one has come with it.
        """
        if not self._unread:
            if not select.select([self.master], [], [], timeout)[0]:
                return False
            try:
                self._unread = os.read(self.master, 65536)
            except OSError:  # the other side was closed
                return False
        at = self._unread.find(DRAWN)
        end = len(self._unread) if at < 0 else at + len(DRAWN)
        picture, self._unread = self._unread[:end], self._unread[end:]
        self._stream.feed(picture)
        return bool(picture)

    @property
    def lines(self) -> list[str]:
        """What can be seen."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """Everything, what has scrolled away included."""
        above = ["".join(row[at].data for at in sorted(row)).rstrip()
                 for row in self._screen.history.top]  # fmt: skip
        return "\n".join([*above, *self.lines])

    def until(self, there: Callable[[], Any], what: object = "") -> None:
        """Reads until something is there."""
        deadline = time.monotonic() + LIMIT
        while not there():
            left = deadline - time.monotonic()
            assert left > 0, f"no {what!r} on\n" + "\n".join(self.lines)
            if not self.read(min(left, 0.2)):
                assert self.process.poll() is None or there(), f"ended: {self.text}"

    def expect(self, part: str) -> None:
        """Reads until a text can be seen."""
        self.until(lambda: part in "\n".join(self.lines), part)

    def expect_output(self, part: str) -> None:
        """Reads until a text can be seen, or has scrolled away."""
        self.until(lambda: part in self.text, part)

    def at_prompt(self, typed: str = "") -> None:
        """Reads until the last prompt has just this typed behind it."""
        self.until(lambda: self.prompt_line == typed, f"> {typed}")

    @property
    def prompt_line(self) -> str | None:
        """What stands behind the prompt that the cursor is on."""
        row = self._screen.cursor.y
        found = re.match(r"[\w.-]+>(?: (.*))?$", self.lines[row])
        return (found[1] or "").rstrip() if found else None

    def type(self, *keys: str) -> None:
        for key in keys:
            os.write(self.master, KEYS.get(key, key).encode())

    def colour_of(self, text: str) -> str:
        """The colour of the first character of the last place where a text stands."""
        for y in reversed(range(ROWS)):
            at = self.lines[y].find(text)
            if at >= 0:
                return str(self._screen.buffer[y][at].fg)
        raise AssertionError(f"no {text!r}")

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and row."""
        return self._screen.cursor.x, self._screen.cursor.y

    def cells(self, row: int) -> list[tuple[str, tuple[str, str, str]]]:
        """The characters of a row, each with its colour, background, and letters for its style."""
        found = []
        for column in range(COLUMNS):
            cell = self._screen.buffer[row][column]
            front, back = cell.fg, cell.bg
            if cell.reverse:
                front = "black" if cell.bg == "default" else cell.bg
                back = "white" if cell.fg == "default" else cell.fg
            marks = (("b", cell.bold), ("i", cell.italics), ("u", cell.underscore))
            style = " ".join(name for name, there in marks if there)
            found.append((cell.data, (front, back, style)))
        return found

    def end(self) -> int:
        deadline = time.monotonic() + LIMIT
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.text
            self.read(0.05)
        while self.read(0.0):
            pass
        return self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@contextlib.contextmanager
def shell(*words: str, **settings: Any) -> Iterator[Screen]:
    command = [sys.executable, "-m", "ipcm", "shell", *words]
    with contextlib.closing(Screen(command, **settings)) as screen:
        yield screen
