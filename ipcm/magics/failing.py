"""Errors as a user of a notebook wants them: a few lines, and the cell fails all the same."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Final

from IPython.core.error import UsageError as ShortError

import ipcm
from ipcm.console import performing
from ipcm.console.cells import clean
from ipcm.console.exits import hint_for
from ipcm.errors import IPCMError, RemoteError, ServiceDied, ServiceStartError, UsageError
from ipcm.role.handle import Handle

__all__ = ["add_remote_traceback", "explain", "shortened"]

_PATIENCE: Final = 0.5
_FORK: Final = 'start="fork"'
_HEADING: Final = "Traceback (most recent call last):"
_OURS: Final = os.path.dirname(ipcm.__file__) + os.sep
_AS_OF_A_USER: Final = tuple(os.path.join(_OURS, each, "") for each in ("demo", "testing"))


def explain(error: BaseException) -> str:
    """What went wrong, and what can be done about it where the error does not say so itself."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    text = performing.explain(error)
    if isinstance(error, ServiceStartError | ServiceDied):
        text = _without_our_frames(text).replace(_FORK, "--fork")
    hint = hint_for(error, "%ipcm ")
    return f"{text}\n{hint}" if hint else text


def shortened(error: BaseException) -> BaseException:
    """The error to raise in place of this one.

    A user's mistake becomes IPython's UsageError. Anything else stays what it is, so that code
    can catch it, but IPython shows it without the frames that lie in between.
    """
    if isinstance(error, UsageError):
        return ShortError(clean(explain(error), keep_lines=True))
    if isinstance(error, IPCMError | OSError | KeyboardInterrupt):
        _shorten(error)
    return error


def _shorten(error: Any) -> None:
    name = type(error).__name__
    lines = [clean(line) for line in f"{name}: {explain(error)}".splitlines()]
    # IPython's protocol for exceptions that know better what of them is worth showing.
    error._render_traceback_ = lambda *_: lines


def add_remote_traceback(error: RemoteError, handle: Handle) -> None:
    """Adds what happened on the other side, where the service told the asker what it was.

    A service that keeps the details of its errors to itself answers with a text that is none of
    theirs.
    """
    with contextlib.suppress(IPCMError):  # it is no service, or busy, or gone
        for each in reversed(handle.snapshot(_PATIENCE).errors):
            if each.traceback and error.error and each.error.endswith(error.error):
                error.add_note(_without_our_frames(each.traceback))
                return


def _without_our_frames(traceback: str) -> str:
    """A traceback with no lines but those of the service's own code; where it has none, without
    one.
    """
    kept, ours, others = [], False, 0
    for line in traceback.splitlines():
        if line.startswith('  File "'):
            file = line[len('  File "') :]
            ours = file.startswith(_OURS) and not file.startswith(_AS_OF_A_USER)
            others += not ours
        elif not line.startswith("   "):
            ours = False
        if not ours:
            kept.append(line)
    if not others and _HEADING in kept:
        del kept[kept.index(_HEADING) :]
    return "\n".join(kept).rstrip()
