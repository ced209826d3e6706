"""The process of a service that an event loop has started: waiting for it, and ending it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterator

from ipcm.role.process import ServiceProcess

__all__ = ["Ending", "Watched"]


class Watched:
    """What tells of a process, for any number of tasks that wait for it.

    A descriptor has one reader in a loop, and whoever takes in what there is to read may close
    it, after which its number is somebody else's. So the tasks share one reader, and there is
    none while something is taken in.

    Args:
        process: read by nobody but in a block of `quiet` from now on.
    """

    def __init__(self, process: ServiceProcess) -> None:
        self._process = process
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading: list[int] = []
        self._waiting: set[asyncio.Future[None]] = set()

    @contextlib.contextmanager
    def quiet(self) -> Iterator[ServiceProcess]:
        """In the block the process may be read, and ended."""
        self._stop()
        try:
            yield self._process
        finally:
            if not self._process.filenos():
                self._wake()  # nothing more will come
            elif self._waiting and self._loop is not None and not self._loop.is_closed():
                self._listen()

    async def until(self, done: Callable[[ServiceProcess], bool], timeout: float) -> bool:
        """Waits until `done`, which takes in what there is, says so.

        Args:
            timeout: seconds; infinity for ever.

        Returns:
            False where the time-out came first.
        """
        deadline = time.monotonic() + timeout
        while True:
            with self.quiet() as process:
                if done(process):
                    return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            news = self._join()
            try:
                await asyncio.wait([news], timeout=None if left == math.inf else left)
            finally:
                self._waiting.discard(news)
                if not self._waiting:
                    self._stop()

    def _join(self) -> asyncio.Future[None]:
        """One more who waits."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # The one before has been closed, and with it those who waited in it.
            self._loop, self._reading = loop, []
            self._waiting.clear()
        news: asyncio.Future[None] = loop.create_future()
        self._waiting.add(news)
        self._listen()
        return news

    def _listen(self) -> None:
        assert self._loop is not None
        self._stop()
        self._reading = self._process.filenos()
        for fd in self._reading:
            self._loop.add_reader(fd, self._wake)

    def _stop(self) -> None:
        reading, self._reading = self._reading, []
        if self._loop is not None and not self._loop.is_closed():
            for fd in reading:
                self._loop.remove_reader(fd)

    def _wake(self) -> None:
        self._stop()
        if self._loop is None or self._loop.is_closed():
            return
        for news in self._waiting:
            if not news.done():
                news.set_result(None)


class Ending:
    """The end of a process, step by step: it can be left, and gone on with.

    Args:
        grace: seconds, from now on, for it to end by itself.
    """

    def __init__(self, watched: Watched, grace: float) -> None:
        self._watched = watched
        with watched.quiet() as process:
            self._steps = process.pressed(grace)
            self._deadline = time.monotonic() + next(self._steps)

    async def go_on(self) -> None:
        """Waits for the end, and presses for it where it does not come."""
        while not await self._watched.until(
            ServiceProcess.ended, self._deadline - time.monotonic()
        ):
            patience = next(self._steps, None)
            if patience is None:
                return  # not even KILL helped
            self._deadline = time.monotonic() + patience
