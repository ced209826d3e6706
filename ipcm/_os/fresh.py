"""Programs of ours in a fresh interpreter, which has of this process what it is given."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn

from ipcm._os.descriptors import anonymous_file
from ipcm._os.fork import block_signals, leave, settle_signals
from ipcm._os.surroundings import Surroundings

__all__ = ["call_entry", "command_line", "execute", "main"]

_FIRST: Final = 3
"""The number of the descriptor with the surroundings; the others follow."""

_ROOT: Final = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
_PROGRAM: Final = (
    "import sys; sys.path[:] = {path!r}; from ipcm._os.fresh import main; "
    "main({entry!r}, {count}, {hold!r})"
)


def execute(
    entry: str,
    arguments: Sequence[str],
    descriptors: Sequence[int] = (),
    *,
    streams: Sequence[int | None] = (None, None, None),
    hold: Iterable[int] = (),
) -> int:
    """Starts an interpreter that calls a function of ours and exits with what it returns.

    It stands in the surroundings of this process. No fork of Python's: it is safe whatever the
    threads of this process hold.

    Args:
        entry: `module:function`, called as `function(*arguments, *descriptors)`, the descriptors
            under the numbers that they have there.
        arguments: texts. descriptors: what it inherits; no other one of Python's is.
        streams: descriptors for its 0, 1 and 2; None for those of this process.
        hold: signals that wait until it calls `release_signals`.

    Returns:
        Its pid.

    Raises:
        OSError: no process to be had.
    """
    held = sorted(map(int, hold))
    command = command_line(entry, arguments, len(descriptors), held)
    with contextlib.ExitStack() as stack:

        def lift(fd: int) -> int:
            """A copy out of the way of the numbers that are written to."""
            copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST + 1 + len(descriptors))
            stack.callback(os.close, copy)
            return copy

        around = anonymous_file("ipcm surroundings", Surroundings.take().pack())
        stack.callback(os.close, around)
        onto = [(fd, source) for fd, source in enumerate(streams) if source is not None]
        onto += [(_FIRST + at, fd) for at, fd in enumerate((around, *descriptors))]
        actions = [(os.POSIX_SPAWN_DUP2, lift(source), fd) for fd, source in onto]
        # What a terminal sends must not end it before it has handlers of its own.
        blocked = [signal.SIGINT, signal.SIGHUP, *held]
        return os.posix_spawn(
            sys.executable, command, os.environ, file_actions=actions, setsigmask=blocked
        )


def command_line(
    entry: str, arguments: Sequence[str], count: int | None, hold: Sequence[int] = ()
) -> list[str]:
    """The command that calls an entry.

    Args:
        count: of the descriptors that it is given behind the surroundings, from 3 on; None for
            an entry that knows its own, and puts no surroundings on.
        hold: see `execute`.
    """
    # What holds this package last: it was imported from somewhere, whatever the path has become.
    path = [*(str(place) for place in sys.path), _ROOT]
    program = _PROGRAM.format(path=path, entry=entry, count=count, hold=list(hold))
    # Private to CPython, and what its multiprocessing gives its own fresh interpreters.
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, "-c", program, *arguments]


def main(entry: str, count: int | None, hold: Sequence[int]) -> NoReturn:
    """What the fresh interpreter runs."""
    arguments = sys.argv[1:]
    descriptors = range(_FIRST + 1, _FIRST + 1 + (count or 0))

    def child() -> int | None:
        settle_signals()
        block_signals(hold)
        for fd in descriptors:
            os.set_inheritable(fd, False)
        if count is not None:
            with open(_FIRST, "rb") as file:
                Surroundings.unpack(file.read()).put_on()
        return call_entry(entry, (*arguments, *descriptors))

    leave(child)


def call_entry(entry: str, arguments: Sequence[Any]) -> int | None:
    """Calls `module:function`, imported when it is needed."""
    module, _, function = entry.partition(":")
    result: int | None = getattr(importlib.import_module(module), function)(*arguments)
    return result
