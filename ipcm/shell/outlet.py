"""Where the output of one line goes: to the user, a file, or a program."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from ipcm.console.render import Output, PlainOutput
from ipcm.console.waiting import unwritable
from ipcm.console.words import Line
from ipcm.shell.voice import Voice

__all__ = ["Outlet", "open_outlet"]

_GRACE: Final = 2.0


@dataclass(slots=True)
class Outlet:
    """What a verb writes to.

    Attributes:
        fd: its descriptor, where it has one. terminal: a person reads it right now.
        exit: of the program that read it, once that has ended; 0 where none did.
    """

    output: Output
    fd: int | None = None
    terminal: bool = False
    exit: int = 0


@contextlib.contextmanager
def open_outlet(line: Line, voice: Voice) -> Iterator[Outlet]:
    """The outlet of a line; in the end the file is written, and the program has ended.

    Raises:
        OSError: the file cannot be written.
    """
    if line.target is not None:
        path = Path(line.target.value).expanduser()
        with path.open("a" if line.append else "w", encoding="utf-8") as file:
            yield Outlet(PlainOutput(_writer(file, str(path))), file.fileno())
    elif line.pipe is not None:
        with _piped(line.pipe) as outlet:
            yield outlet
    else:
        fd = None
        with contextlib.suppress(OSError, ValueError):
            fd = sys.stdout.fileno()
        yield Outlet(voice.output(), fd, voice.terminal)


@contextlib.contextmanager
def _piped(command: str) -> Iterator[Outlet]:
    program = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.PIPE,
        encoding="utf-8",
        errors="backslashreplace",
    )
    assert program.stdin is not None
    outlet = Outlet(PlainOutput(_writer(program.stdin)), program.stdin.fileno())
    try:
        yield outlet
        _close(program.stdin)
        code = program.wait()
        outlet.exit = 128 - code if code < 0 else code
    finally:
        _close(program.stdin)
        if program.poll() is None:
            # The interrupt that ended the verb went to the program too, unless it came to us alone.
            program.terminate()
            try:
                program.wait(_GRACE)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def _close(file: IO[str]) -> None:
    with contextlib.suppress(BrokenPipeError):
        file.close()


def _writer(file: IO[str], what: str = "the output") -> Callable[[str], None]:
    def write(text: str) -> None:
        try:
            file.write(text)
            file.flush()
        except OSError as error:
            raise unwritable(error, what) from None

    return write
