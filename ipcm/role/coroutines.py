"""Handlers that are coroutines, run while the service waits."""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Final, TypeAlias

from ipcm._os.fork import close_in_children

__all__ = ["Coroutines", "Key"]

Key: TypeAlias = tuple[str, int]
"""A request: who asked, and its id."""

_GRACE: Final = 1.0


class _Selector(selectors.DefaultSelector):
    """Asks, whenever the loop is about to sleep, whether it may."""

    def __init__(self, may_sleep: Callable[[], bool]) -> None:
        super().__init__()
        self._may_sleep = may_sleep

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if (timeout is None or timeout > 0) and not self._may_sleep():
            timeout = 0
        return super().select(timeout)


class Coroutines:
    """The asyncio loop of one service, and a task for each request that it works on.

    The service's wait is `run_until_complete` of a future that our descriptors resolve. (A loop
    stepped by hand lost wake-ups.) In between, while callbacks run, the tasks stand still, those
    too that a handler has started beside its own.

    Args:
        due: tells when the next turn of the service comes. A task may make that sooner: it asks
            somebody, who has so long to answer, or it takes in what was for the next turn.

    Attributes:
        ended: tasks that are over, with their requests; whoever reads them clears them.
    """

    def __init__(self, due: Callable[[], float]) -> None:
        self._due = due
        self._planned = -math.inf
        self.ended: list[tuple[Key, asyncio.Task[Any]]] = []
        self._loop = self.make_loop()
        self._tasks: dict[Key, asyncio.Task[Any]] = {}
        self._wake: asyncio.Future[None] | None = None
        close_in_children(self)

    def make_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the tasks run on."""
        return asyncio.SelectorEventLoop(_Selector(self._may_sleep))

    @property
    def pending(self) -> bool:
        """Whether any task is under way."""
        return bool(asyncio.all_tasks(self._loop))

    def start(self, key: Key, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Begins to work on a request."""
        task = self._loop.create_task(coroutine)
        self._tasks[key] = task
        task.add_done_callback(partial(self._note_end, key))

    def _note_end(self, key: Key, task: asyncio.Task[Any]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        self.ended.append((key, task))
        self.wake()

    def cancel(self, keys: Iterable[Key]) -> None:
        """Nobody waits for these any more."""
        for key in keys:
            if key in self._tasks:
                self._tasks.pop(key).cancel()

    def select(self, fds: list[int], timeout: float | None) -> list[int]:
        """Runs the tasks until a descriptor is readable, a task has ended, or time is over.

        Returns:
            The descriptors that are readable.
        """
        ready: list[int] = []
        self._planned = self._due()
        self._wake = self._loop.create_future()

        def readable(fd: int) -> None:
            if fd not in ready:
                ready.append(fd)
            self.wake()

        # Anew each time: a number may by now stand for another descriptor, of which the
        # selector would never know.
        for fd in fds:
            self._loop.add_reader(fd, readable, fd)
        try:
            self._loop.run_until_complete(asyncio.wait([self._wake], timeout=timeout))
        finally:
            for fd in fds:
                self._loop.remove_reader(fd)
            self._wake = None
        return ready

    def _may_sleep(self) -> bool:
        if self._wake is None or self._wake.done() or self._due() >= self._planned:
            return True
        self.wake()
        return False

    def wake(self) -> None:
        """Ends a wait."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def close(self) -> None:
        """Cancels what is under way, gives it a second to clean up, and closes the loop."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        with contextlib.closing(self._loop):
            if tasks:
                self._loop.run_until_complete(asyncio.wait(tasks, timeout=_GRACE))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    def forget_after_fork(self) -> None:
        """Closes the selector in a forked child: the kernel's side of it is the parent's, too."""
        selector: selectors.BaseSelector | None = getattr(self._loop, "_selector", None)
        if selector is not None:
            selector.close()
