"""The one fork: signals blocked across it, everything inherited put right in the child.

Masks and handlers are those of `_signal`, which `signal` wraps in members of an enumeration: two
hundred of them at each fork, half of those in pages that a child has to copy first.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import contextlib
import contextvars
import gc
import operator
import os
import re
import signal
import traceback
import warnings
import weakref
from collections.abc import Callable, Container, Iterable
from typing import Final, NoReturn, Protocol

from ipcm._os.process import thread_count
from ipcm._os.reset.loops import forget_loops
from ipcm._os.reset.threaded import reset_after_threaded_fork
from ipcm._os.stdio import flush_output

__all__ = [
    "block_signals",
    "close_in_children",
    "fork",
    "leave",
    "release_signals",
    "settle_signals",
]


class HasForget(Protocol):
    """Something whose descriptors a forked child must not keep."""

    def forget_after_fork(self) -> None: ...


_inherited: weakref.WeakSet[HasForget] = weakref.WeakSet()


def close_in_children(owner: HasForget) -> None:
    """From now on every child that `fork` makes lets go of the owner's descriptors."""
    _inherited.add(owner)


_ALL: Final = signal.valid_signals()


def fork(
    child: Callable[[], int | None],
    *,
    keep: Container[object] = (),
    hold: Iterable[int] = (),
) -> int:
    """Runs a function in a forked child, which leaves through os._exit.

    In the child, before any signal can arrive: no wakeup fd, Python handlers reset (SIGINT and
    SIGHUP to one that does nothing), SIGPIPE ignored, registered descriptors closed; no other
    signal is blocked than those to hold, whatever is blocked here. Where this process has several
    threads, the child also leaves behind what they were in the middle of, see `ipcm._os.reset`,
    and begins in a context (contextvars) of its own.

    An exception goes to stderr, and makes it exit with 1. Where a signal handler of the parent
    raises, there is no child: nobody would know its pid.

    Args:
        child: its result is the exit code; None is 0.
        keep: registered objects whose descriptors the child keeps.
        hold: signals that wait until the child calls `release_signals`.

    Returns:
        The child's pid.

    Raises:
        OSError: no process to be had.
    """
    threaded = thread_count() > 1
    if threaded:
        _silence_warning()
    else:
        flush_output()
    _empty_free_lists()
    # Asked for first: pthread_sigmask runs handlers once it has set the mask, and when one of them
    # raises, the old mask is lost.
    before = _signal.pthread_sigmask(signal.SIG_BLOCK, ())
    pid = -1
    try:
        _signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)
        pid = os.fork()
        if pid == 0:
            _be_child(child, threaded, keep, hold)
    except BaseException:
        _signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    try:
        _signal.pthread_sigmask(signal.SIG_SETMASK, before)
    except BaseException:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        raise
    return pid


def _empty_free_lists() -> None:
    """Has the interpreter give up the small objects that it keeps to use again, once.

    The first collection of a child would do that, and copy the pages that they lie in: forty,
    where the start of a service copies nine hundred. There is no other way to it than a full
    collection; this one has nothing to look at. But the next one of the program comes sooner for
    it, so that it is not done at every fork.
    """
    global _emptied
    if _emptied:
        return
    _emptied = True
    if not gc.get_freeze_count():  # what somebody else has frozen stays so
        try:
            gc.freeze()
            gc.collect()
        finally:
            gc.unfreeze()


_emptied = False


def leave(child: Callable[[], int | None]) -> NoReturn:
    """Runs a function, and leaves through os._exit with what it returns; None is 0.

    An exception goes to stderr, and makes it exit with 1.
    """
    code = 1
    try:
        code = _run(child)
        flush_output()
    finally:
        # Whatever was raised on the way, also by a stream: the parent's code is not the child's.
        os._exit(code)


def block_signals(hold: Iterable[int]) -> None:
    """Blocks these signals until `release_signals`, and no other ones."""
    global _held
    _held = frozenset(hold)
    _signal.pthread_sigmask(signal.SIG_SETMASK, _held)


def release_signals() -> None:
    """Lets in what was held since this process began."""
    global _held
    held, _held = _held, frozenset()
    _signal.pthread_sigmask(signal.SIG_UNBLOCK, held)


_held: frozenset[int] = frozenset()


def _be_child(
    child: Callable[[], int | None],
    threaded: bool,
    keep: Container[object],
    hold: Iterable[int],
) -> NoReturn:
    """The child's part; `threaded`: it was forked by one of several threads."""

    def settled() -> int | None:
        _reset(keep)
        if threaded:
            reset_after_threaded_fork()
        forget_loops()
        # What exists now is shared with the parent; a collection would touch, and so copy, it all.
        gc.freeze()
        block_signals(hold)
        return contextvars.Context().run(child) if threaded else child()

    leave(settled)


def _silence_warning() -> None:
    """Python 3.12 warns of a fork with threads; for that danger the child is reset."""
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=re.escape(__name__))


def _run(child: Callable[[], int | None]) -> int:
    try:
        return operator.index(child() or 0) & 0xFF
    except SystemExit as leaving:
        return _code_of(leaving)
    except BaseException:  # noqa: BLE001 (the end of the process: there is nobody to raise to)
        os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
        return 1


def _code_of(leaving: SystemExit) -> int:
    """As the interpreter does it: a code, or a text for stderr and 1."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    os.write(2, f"{leaving.code}\n".encode(errors="backslashreplace"))
    return 1


def settle_signals() -> None:
    """The handlers that a process of ours begins with: SIGPIPE is ignored, and what a terminal
    sends to all of its processes, SIGINT and SIGHUP, does nothing: who started it ends it in order.
    """
    _signal.signal(signal.SIGINT, _ignore)
    if _signal.getsignal(signal.SIGHUP) != _signal.SIG_IGN:  # nohup's, for programs too
        _signal.signal(signal.SIGHUP, _ignore)
    _signal.signal(signal.SIGPIPE, _signal.SIG_IGN)


def _reset(keep: Container[object]) -> None:
    signal.set_wakeup_fd(-1)
    for number in _ALL:
        if callable(_signal.getsignal(number)):
            _signal.signal(number, _signal.SIG_DFL)
    settle_signals()
    for owner in list(_inherited):
        if owner not in keep:
            owner.forget_after_fork()
            _inherited.discard(owner)


def _ignore(_number: int, _frame: object) -> None:
    """SIGINT and SIGHUP. Not SIG_IGN, which programs that they exec would inherit."""
