"""A service on a stage: its loop in pieces, and its coroutines under a virtual clock."""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ipcm._core.clock import Clock
from ipcm.role.context import enter_service, leave_service
from ipcm.role.coroutines import Coroutines
from ipcm.role.loop import Loop
from ipcm.role.role import ServiceRole
from ipcm.role.watching import deadline, set_timers

__all__ = ["Actor"]


class _Selector(selectors.DefaultSelector):
    """Never waits: where asyncio would, it tells for how long, and what is there is all."""

    def __init__(self, idle: Callable[[float | None], None]) -> None:
        super().__init__()
        self._idle = idle

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._idle(timeout)
        return super().select(0)


class _EventLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock, idle: Callable[[float | None], None]) -> None:
        self._clock = clock
        super().__init__(_Selector(idle))

    def time(self) -> float:
        return self._clock.monotonic()


class _Coroutines(Coroutines):
    """Runs until all of them wait.

    Attributes:
        deadline: until when, by the clock; infinity where none waits for time.
    """

    def __init__(self, clock: Clock) -> None:
        self.deadline = math.inf
        self._clock = clock
        super().__init__(lambda: math.inf)  # after each step the stage looks when the next turn is

    def make_loop(self) -> asyncio.AbstractEventLoop:
        return _EventLoop(self._clock, self._idle)

    def _idle(self, timeout: float | None) -> None:
        self.deadline = math.inf if timeout is None else self._clock.monotonic() + timeout
        self.wake()
        if self._wake is None:
            self._loop.stop()  # closing, and one of them holds out: no time passes for it

    def select(self, fds: list[int], timeout: float | None) -> list[int]:
        return super().select(fds, None)

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):  # it was stopped: see _idle
            super().close()


class Actor:
    """One service, begun; its turns are taken by `step`.

    Attributes:
        service: the service. active: it is in the middle of a turn. over: it has ended.
        error: what ended it, or None.
    """

    def __init__(self, service: ServiceRole, clock: Clock) -> None:
        self.service = service
        self.active = False
        self.over = False
        self.error: BaseException | None = None
        self._state = service._ipcm_state
        self._coroutines = _Coroutines(clock)
        self._state.coroutines = self._coroutines
        self._loop = Loop(service)
        self._stack = contextlib.ExitStack()
        self._signals: dict[Any, int] = {}

    def start(self) -> None:
        """Joins the bus and runs the start callback."""
        with self._on():
            try:
                self._loop.begin(self._stack, staged=True)
            except BaseException:
                self.over = True
                self._coroutines.close()
                self._stack.close()
                raise
            self._play(self._loop.start)
            set_timers(self.service)
            self._leave_if_done()

    def signal(self, counts: Mapping[Any, int]) -> None:
        """Signals that the next turn finds."""
        for sig, count in counts.items():
            self._signals[sig] = self._signals.get(sig, 0) + count

    def step(self) -> bool:
        """One turn, where there is reason for one; whether anything happened."""
        if self.active or self.over:
            return False
        with self._on():
            signals, self._signals = self._signals, {}
            turned = not self._state.is_terminated and self._play(lambda: self._loop.step(signals))
            self._leave_if_done()
        return turned or self.over

    @property
    def deadline(self) -> float:
        """When it has something to do even if nothing happens."""
        if self.over or self.active:
            return math.inf
        waiting = self._coroutines.deadline if self._coroutines.pending else math.inf
        return min(deadline(self.service), waiting)

    @contextlib.contextmanager
    def _on(self) -> Iterator[None]:
        before = enter_service(self.service)
        self.active = True
        try:
            yield
        finally:
            self.active = False
            leave_service(before)

    def _play(self, part: Callable[[], bool | None]) -> bool:
        try:
            return bool(part())
        except Exception as error:  # noqa: BLE001 (it ends this service, and nobody else)
            self.error = self.error or error
            return True

    def _leave_if_done(self) -> None:
        if self._state.is_terminated or self.error is not None:
            self.over = True
            self._play(self._end)

    def _end(self) -> None:
        with self._stack:
            self._loop.end(self.error)
