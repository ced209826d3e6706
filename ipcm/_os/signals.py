"""Signals of this process: counted as the kernel delivered them, or ignored."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import signal
import sys
import threading
from collections.abc import Iterable
from signal import Signals
from typing import Any

from ipcm._os.children import library_forks
from ipcm._os.fork import close_in_children, release_signals
from ipcm._os.linux import require_linux
from ipcm.errors import NoSuchSignal

__all__ = ["SignalCounter", "count_early", "ignore"]


class SignalCounter:
    """Counts deliveries by the bytes that Python's C handler writes to the wakeup fd.

    The fd is a pipe: a socketpair lost most of a burst. Python handlers run once for many
    deliveries, so they only note that there is something to read.

    A child of a plain `os.fork` gets the handlers of before: its pipe is this one, and what it is
    sent (by `multiprocessing.Process.terminate`, for one) would be counted here.

    Args:
        count: signals to count. wake: signals that only wake the loop.

    Attributes:
        noticed: a delivery waits to be drained.
        woken: `drain` saw a wake signal; whoever reads this clears it.
    """

    def __init__(self, count: Iterable[Signals], wake: Iterable[Signals] = (signal.SIGCHLD,)):
        self._count = frozenset(count)
        self._came: dict[Signals, int] = {}
        self._wake = frozenset(wake) - self._count
        self._read = self._write = -1
        self._before: dict[Signals, Any] = {}
        self._wakeup_before = -1
        self.noticed = False
        self.woken = False

    def start(self) -> None:
        """Installs handlers and the wakeup fd; where it is started already, nothing.

        Raises:
            ValueError: not in the main thread.
            NoSuchSignal: one that cannot be caught.
            UnsupportedError: not on this platform.
        """
        require_linux("counting signals")
        if self._read >= 0:
            return
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        except BaseException:
            self._close()
            raise
        _started.append(self)
        try:
            for number in self._count | self._wake:
                try:
                    self._before[number] = _signal.signal(number, self.notice)
                except OSError:
                    raise NoSuchSignal(f"{number.name} cannot be caught") from None
        except BaseException:
            self.stop()
            raise
        close_in_children(self)
        if _early is not None and _early is not self:
            self._came = {sig: n for sig, n in _early.drain().items() if sig in self._count}
            self.noticed = self.noticed or bool(self._came)

    def notice(self, _number: int, _frame: object = None) -> None:
        """The Python handler."""
        self.noticed = True

    def fileno(self) -> int:
        """Readable when a signal came."""
        return self._read

    def drain(self) -> dict[Signals, int]:
        """The counted deliveries since the last call."""
        self.noticed = False
        counts, self._came = self._came, {}
        while self._read >= 0:
            try:
                seen = os.read(self._read, 65536)
            except BlockingIOError:
                break
            for number in set(seen):
                if number in self._wake:
                    self.woken = True
                elif number in self._count:
                    sig = Signals(number)
                    counts[sig] = counts.get(sig, 0) + seen.count(number)
        return counts

    def stop(self) -> dict[Signals, int]:
        """Puts handlers and wakeup fd back; returns what was not drained."""
        if self._read < 0:
            return {}
        self._restore(self._wakeup_before)
        rest = self.drain()
        self._close()
        _started.remove(self)
        return rest

    def _restore(self, wakeup: int) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before.clear()
        try:
            signal.set_wakeup_fd(wakeup)
        except (OSError, ValueError):  # whoever it belonged to has closed it meanwhile
            signal.set_wakeup_fd(-1)

    def forget_after_fork(self) -> None:
        """In a forked child, which has other handlers now: closes the pipe."""
        self._close()
        self._before.clear()
        self._came.clear()
        if self in _started:
            _started.remove(self)

    def _close(self) -> None:
        for fd in (self._read, self._write):
            if fd >= 0:
                os.close(fd)
        self._read = self._write = -1

    def carry(self) -> None:
        """In a forked child: goes on counting, what the child itself is sent."""
        self._close()
        self._came.clear()
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    @property
    def signals(self) -> frozenset[Signals]:
        """The signals that it has handlers for."""
        return self._count | self._wake


_started: list[SignalCounter] = []
_early: SignalCounter | None = None
_masks: dict[int, set[int | Signals]] = {}


def count_early(numbers: Iterable[Signals]) -> None:
    """Counts signals, in a process that begins, for the counter that will be started.

    What was held for it (see `ipcm._os.fork.fork`) is let in. It goes on to the end of the
    process: a signal that comes when the other counter has stopped ends nothing. A child of
    `os.fork`, which may be the one that starts the other counter, counts its own.

    Raises:
        ValueError, NoSuchSignal, UnsupportedError: see `SignalCounter.start`.
    """
    global _early
    counter = SignalCounter(numbers, wake=())
    try:
        if counter.signals:
            counter.start()
            _early = counter
    finally:
        release_signals()


def _before_fork() -> None:
    if _started:
        # Asked for first: pthread_sigmask runs handlers, also when the mask is set already, and
        # where one of them raises, the old mask is lost.
        _masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        for counter in _started:
            signal.pthread_sigmask(signal.SIG_BLOCK, counter.signals)


def _after_fork() -> None:
    mask = _masks.pop(threading.get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _in_child() -> None:
    if _early is not None and _started == [_early] and not library_forks(sys._getframe(1)):
        _early.carry()
    else:
        for counter in reversed(list(_started)):
            counter._restore(-1)
            counter.forget_after_fork()
    _after_fork()
    _masks.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


def ignore(*numbers: int) -> None:
    """Ignores signals in this process."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
