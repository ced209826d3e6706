"""The one fork: signals blocked across it, everything inherited put right in the child."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import traceback
import weakref
from collections.abc import Callable
from typing import Protocol

__all__ = ["close_in_children", "fork"]


class HasForget(Protocol):
    """Something whose descriptors a forked child must not keep."""

    def forget_after_fork(self) -> None: ...


_inherited: weakref.WeakSet[HasForget] = weakref.WeakSet()


def close_in_children(owner: HasForget) -> None:
    """From now on every child that `fork` makes lets go of the owner's descriptors."""
    _inherited.add(owner)


def fork(child: Callable[[], int | None]) -> int:
    """Runs a function in a forked child, which leaves through os._exit.

    In the child, before any signal can arrive: no wakeup fd, Python handlers reset (SIGINT to
    one that does nothing), SIGPIPE ignored, registered descriptors closed. An exception goes
    to stderr, and makes it exit with 1.

    Args:
        child: its result is the exit code; None is 0.

    Returns:
        The child's pid.

    Raises:
        OSError: no process to be had.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _be_child(child, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _be_child(child: Callable[[], int | None], mask: set[int | signal.Signals]) -> None:
    code = 1
    try:
        _reset()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = child() or 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # the end of the process: there is nobody to raise to
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code & 0xFF)


def _reset() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, _ignore)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for owner in list(_inherited):
        owner.forget_after_fork()
    _inherited.clear()
    events = sys.modules.get("asyncio.events")
    if events is not None:
        events._set_running_loop(None)
    # What exists now is shared with the parent; a collection would touch, and so copy, it all.
    gc.freeze()


def _ignore(_number: int, _frame: object) -> None:
    """SIGINT in services. Not SIG_IGN, which programs that they exec would inherit."""
