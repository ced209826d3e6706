"""What ends a foreground program, as an exception.

SIGINT, SIGTERM and SIGHUP mean the same to it: clean up and leave. The first of them raises
`Interrupted` in the main thread; those that follow within a second say the same once more, and
do nothing. A signal that was ignored when the program started (nohup, `&` in a script) stays
ignored.

An exception that may come between any two instructions is safe where a program waits, and not
where it starts, ends, or runs code that was not made for it: there it is put off. Where it comes in
a callback of the interpreter's (of a weak reference, of an import, of an object that goes), it is
only reported: there it is raised once more.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from signal import Signals
from types import CodeType, FrameType
from typing import Any, ClassVar, Final, TypeVar

__all__ = [
    "PATIENCE",
    "Interrupted",
    "Interrupts",
    "deferred",
    "heeded",
    "interruptible",
    "shielded",
]

T = TypeVar("T")

PATIENCE: Final = 0.6
"""Seconds that a start may go on after a signal, so that what it makes is known and ended."""

_REPEAT: Final = 1.0
_AGAIN: Final = 0.01
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IGNORE: Final = -1.0


class Interrupted(KeyboardInterrupt):
    """Somebody wants the program to end.

    Attributes: signal: how they said so.
    """

    def __init__(self, signal: Signals) -> None:
        super().__init__(signal.name)
        self.signal = signal


class Interrupts:
    """The signals of an `interruptible` block.

    Attributes:
        pending: one that came and has not been raised yet.
        unraisable_before: the hook that there was before the block.
    """

    current: ClassVar[Interrupts | None] = None

    def __init__(self) -> None:
        self.pending: Signals | None = None
        self.unraisable_before = sys.unraisablehook
        self._raised = -_REPEAT
        # What holds an exception back, innermost last: seconds of patience, None without end.
        self._holds: list[float | None] = []

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The handler of those that end."""
        if _IGNORE in self._holds or time.monotonic() - self._raised < _REPEAT:
            return
        if self.pending is None:
            self.pending = Signals(number)
        if not self._holds:
            self.fire()
        elif (patience := self._holds[-1]) is not None:
            signal.setitimer(signal.ITIMER_REAL, patience)

    def on_alarm(self, _number: int, frame: FrameType | None) -> None:
        """The patience of a hold is over; or what was raised was lost."""
        if _is_in(frame, Interrupts.on_unraisable.__code__):
            # It took the hook so long to return. What is raised in there nobody ever gets.
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        elif not self._holds or self._holds[-1] not in (None, _IGNORE):
            self.fire()

    def on_unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        """The hook for exceptions that nobody can get: ours is raised again, a moment later."""
        lost = unraisable.exc_value
        if not isinstance(lost, Interrupted):
            self.unraisable_before(unraisable)
        elif _IGNORE not in self._holds:
            self.pending = lost.signal
            if not self._holds or self._holds[-1] is not None:
                signal.setitimer(signal.ITIMER_REAL, _AGAIN)

    def fire(self) -> None:
        """Raises what is pending."""
        if self.pending is not None:
            number, self.pending = self.pending, None
            self._raised = time.monotonic()
            raise Interrupted(number)

    def forget(self) -> None:
        """The program has dealt with what was raised: the next signal raises at once."""
        self._raised = -_REPEAT

    def hold(self, patience: float | None) -> None:
        """From now on nothing is raised, for so many seconds after a signal."""
        self._holds.append(patience)

    def ignore(self) -> None:
        """From now on signals mean nothing."""
        self._holds.append(_IGNORE)
        self.pending = None

    def release(self) -> None:
        """Ends the innermost hold; raises nothing."""
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        self._holds.pop()


def _is_in(frame: FrameType | None, code: CodeType) -> bool:
    """Whether a frame is of this code, or of something that it calls."""
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


@contextlib.contextmanager
def interruptible(last: bool = False) -> Iterator[None]:
    """In the block, SIGINT, SIGTERM and SIGHUP raise `Interrupted`.

    Does nothing in another thread than the main one, which is the only one that may set
    handlers, and inside a block of the same kind.

    Args:
        last: the program ends after the block: a signal that comes then is ignored, where it
            would change the exit code of a program that has done all it was to do.
    """
    if Interrupts.current is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupts = Interrupts()
    before: dict[Signals, Any] = {}
    try:
        # Before the handlers: a signal that comes in between is an Interrupted of this block.
        Interrupts.current = interrupts
        sys.unraisablehook = interrupts.on_unraisable
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, interrupts.on_alarm)
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, interrupts.on_signal)
        yield
    finally:
        interrupts.ignore()
        for number, handler in before.items():
            after = signal.SIG_IGN if last else handler
            signal.signal(number, signal.SIG_DFL if after is None else after)
        sys.unraisablehook = interrupts.unraisable_before
        Interrupts.current = None


def heeded() -> None:
    """What was raised has been dealt with, and the program goes on: the next one is new."""
    if Interrupts.current is not None:
        Interrupts.current.forget()


@contextlib.contextmanager
def deferred(patience: float | None = None) -> Iterator[Interrupts]:
    """In the block nothing is raised; a signal that came is raised at its end.

    For code that may lose an exception, or be damaged by one: a program with an event loop of
    its own looks at `pending` instead, and leaves. Outside of `interruptible` nothing ever
    is pending.

    Args:
        patience: seconds after a signal after which it is raised all the same; None for never.
    """
    interrupts = Interrupts.current
    if interrupts is None:
        yield Interrupts()
        return
    interrupts.hold(patience)
    try:
        yield interrupts
    finally:
        interrupts.release()
    interrupts.fire()


@contextlib.contextmanager
def shielded(manager: AbstractContextManager[T], patience: float = PATIENCE) -> Iterator[T]:
    """Like `with manager`, but no signal cuts its entering or its leaving short.

    A signal that comes while it enters is raised once it has entered, or after `patience`
    seconds; one that comes while it leaves changes nothing: leaving is what was asked for.
    Outside of `interruptible` it is just `with manager`.
    """
    interrupts = Interrupts.current
    if interrupts is None:
        with manager as value:
            yield value
        return
    interrupts.hold(patience)
    held = True
    try:
        with manager as value:
            interrupts.release()
            held = False
            try:
                interrupts.fire()
                yield value
            finally:
                interrupts.ignore()
                held = True
    finally:
        if held:
            interrupts.release()
