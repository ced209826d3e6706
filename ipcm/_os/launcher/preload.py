"""Modules that the launcher has because a child of it needed them: the next child starts faster.

The child imports first. Only when that was harmless, it tells the launcher, which imports the same
then; so a module that raises, hangs, or starts threads never does so in the launcher.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import sys
from collections.abc import Iterable
from typing import Final

from ipcm._os.process import thread_count
from ipcm._os.surroundings import Surroundings

__all__ = ["Preload", "tell_imports"]

_MOST: Final = select.PIPE_BUF
_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep


class Preload:
    """What the launcher has imported for others, and whether it still is what they would import."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._surroundings: bytes | None = None
        self._files: dict[str, tuple[int, int] | None] = {}

    def fileno(self) -> int:
        """Readable when a child has told something."""
        return self._read

    def begin(self) -> None:
        """In a child, before it has imported anything."""
        global _telling
        os.close(self._read)
        _telling = (self._write, frozenset(sys.modules))

    def learn(self, surroundings: bytes) -> None:
        """Imports what children have told of.

        Args:
            surroundings: in which the children were that have been launched last.
        """
        names = os.read(self._read, 1 << 16).decode().split()
        before = frozenset(sys.modules)
        if self._surroundings is None:
            self._surroundings = surroundings
            Surroundings.unpack(surroundings).put_on()
        for name in names:
            with contextlib.suppress(Exception, SystemExit):  # then it is the child's to import
                importlib.import_module(name)
        for name in frozenset(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and not _installed(file):
                self._files[file] = _stamp(file)

    def stale(self, surroundings: bytes) -> bool:
        """Whether a child in these surroundings might import something else."""
        if self._surroundings is None:
            return False
        if self._surroundings != surroundings or thread_count() > 1:
            return True
        return any(_stamp(file) != stamp for file, stamp in self._files.items())


_telling: tuple[int, frozenset[str]] | None = None


def tell_imports() -> None:
    """In a process from the launcher: it has imported what it needs. Elsewhere does nothing."""
    global _telling
    if _telling is None:
        return
    (write, before), _telling = _telling, None
    if thread_count() == 1:
        # In the order of importing: what is left out at the end, others bring along.
        text = _as_text(name for name in sys.modules if name not in before and _importable(name))
        with contextlib.suppress(OSError):  # the launcher is gone, or busy with what others told
            os.write(write, text)
    os.close(write)


def _importable(name: str) -> bool:
    spec = getattr(sys.modules[name], "__spec__", None)
    return spec is not None and spec.name == name


def _as_text(names: Iterable[str]) -> bytes:
    text = b""
    for name in names:
        line = name.encode() + b"\n"
        if len(text) + len(line) > _MOST:
            break
        text += line
    return text


def _installed(file: str) -> bool:
    """Whether nobody edits this file while a program runs."""
    return file.startswith(_LIBRARY) or f"{os.sep}site-packages{os.sep}" in file


def _stamp(file: str) -> tuple[int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
