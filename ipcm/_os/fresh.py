"""Programs of ours in a fresh interpreter, which has of this process what it is given."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from ipcm._os.fork import leave, settle_signals

__all__ = ["FIRST", "call_entry", "execute", "main"]

FIRST: Final = 3
"""The number of the first descriptor that a fresh program is given."""

_HIGH: Final = 64
_PROGRAM: Final = (
    "import sys; sys.path[:] = {path!r}; from ipcm._os.fresh import main; main({entry!r}, {count})"
)


def execute(
    entry: str,
    arguments: Sequence[str],
    descriptors: Sequence[int] = (),
    *,
    streams: Sequence[int | None] = (None, None, None),
) -> int:
    """Starts an interpreter that calls a function of ours and exits with what it returns.

    No fork of Python's: it is safe whatever the threads of this process hold.

    Args:
        entry: `module:function`, called as `function(*arguments, *descriptors)`, the descriptors
            under the numbers that they have there.
        arguments: texts. descriptors: what it inherits; no other one of Python's is.
        streams: descriptors for its 0, 1 and 2; None for those of this process.

    Returns:
        Its pid.

    Raises:
        OSError: no process to be had.
    """
    path = [str(place) for place in sys.path]
    program = _PROGRAM.format(path=path, entry=entry, count=len(descriptors))
    # Private to CPython, and what its multiprocessing gives its own fresh interpreters.
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [sys.executable, *flags, "-c", program, *arguments]
    with contextlib.ExitStack() as stack:

        def lift(fd: int) -> int:
            """A copy out of the way of the numbers that are written to."""
            copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
            stack.callback(os.close, copy)
            return copy

        onto = [(fd, source) for fd, source in enumerate(streams) if source is not None]
        onto += [(FIRST + at, fd) for at, fd in enumerate(descriptors)]
        actions = [(os.POSIX_SPAWN_DUP2, lift(source), fd) for fd, source in onto]
        # Ctrl-C at a terminal must not end it before it has handlers of its own.
        blocked = [signal.SIGINT]
        return os.posix_spawn(
            sys.executable, command, os.environ, file_actions=actions, setsigmask=blocked
        )


def main(entry: str, count: int) -> NoReturn:
    """What the fresh interpreter runs."""
    descriptors = range(FIRST, FIRST + count)

    def child() -> int | None:
        settle_signals()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for fd in descriptors:
            os.set_inheritable(fd, False)
        return call_entry(entry, (*sys.argv[1:], *descriptors))

    leave(child)


def call_entry(entry: str, arguments: Sequence[Any]) -> int | None:
    """Calls `module:function`, imported when it is needed."""
    module, _, function = entry.partition(":")
    result: int | None = getattr(importlib.import_module(module), function)(*arguments)
    return result
