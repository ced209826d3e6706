"""Signals, counted as the kernel delivered them."""

from __future__ import annotations

import contextlib
import difflib
import os
import signal
from collections.abc import Iterable
from signal import Signals
from typing import Any

from ipcm._os.fork import close_in_children
from ipcm._os.linux import require_linux
from ipcm.errors import NoSuchSignal

__all__ = ["SignalCounter", "ignore", "parse_signals"]


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
            self.forget_after_fork()
            raise
        _started.append(self)
        try:
            for number in self._count | self._wake:
                try:
                    self._before[number] = signal.signal(number, self.notice)
                except OSError:
                    raise NoSuchSignal(f"{number.name} cannot be caught") from None
        except BaseException:
            self.stop()
            raise
        close_in_children(self)

    def notice(self, _number: int, _frame: object = None) -> None:
        """The Python handler."""
        self.noticed = True

    def fileno(self) -> int:
        """Readable when a signal came."""
        return self._read

    def drain(self) -> dict[Signals, int]:
        """The counted deliveries since the last call."""
        self.noticed = False
        counts: dict[Signals, int] = {}
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
        self.forget_after_fork()
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
        """Closes the pipe."""
        for fd in (self._read, self._write):
            if fd >= 0:
                os.close(fd)
        self._read = self._write = -1


_started: list[SignalCounter] = []


def _in_child() -> None:
    for counter in reversed(_started):
        counter._restore(-1)
        counter.forget_after_fork()
    _started.clear()


os.register_at_fork(after_in_child=_in_child)


def ignore(*numbers: int) -> None:
    """Ignores signals in this process."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def parse_signals(names: Iterable[str | int] | str | int) -> tuple[Signals, ...]:
    """Reads signal names, with or without SIG, numbers, and members; one of them will do.

    Raises:
        NoSuchSignal: names the one that is no signal.
    """
    if isinstance(names, str | int):
        names = (names,)
    return tuple(_parse(name) for name in names)


def _parse(name: str | int) -> Signals:
    with contextlib.suppress(ValueError, KeyError, AttributeError):
        if isinstance(name, int):
            return Signals(name)
        text = name.upper()
        return Signals[text if text.startswith("SIG") else f"SIG{text}"]
    known = [each.name for each in Signals]
    near = difflib.get_close_matches(f"SIG{str(name).upper().removeprefix('SIG')}", known, 1)
    raise NoSuchSignal(f"no signal {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
