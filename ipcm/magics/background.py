"""What goes on beside the cells of a kernel: on its event loop, or in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import Final

from ipcm._os.idle import IdleInterrupt
from ipcm.magics.output import REFRESH

__all__ = ["Aside", "Background", "Interruptible", "has_loop"]

_PATIENCE: Final = 5.0

MakeContext = Callable[[], contextvars.Context]
"""Gives the context to do something in: that of the cell that runs, or ran last."""


def has_loop() -> bool:
    """Whether an event loop runs in this thread, as one does in a kernel."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Background:
    """Something that goes on between the cells of a kernel, on its own event loop.

    For what shares objects with cells. It waits while a cell keeps the kernel busy.

    Args:
        step: called every half second, until it returns False.

    Raises:
        RuntimeError: no event loop runs.
    """

    def __init__(self, step: Callable[[], bool], context: MakeContext) -> None:
        self._step = step
        self._context = context
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ipcm")

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._task.done()

    def stop(self) -> None:
        """Ends it now; repeatable."""
        self._task.cancel()

    async def _run(self) -> None:
        while self._context().run(self._step):
            await asyncio.sleep(REFRESH)


class Aside:
    """Something that goes on in a thread of its own, whatever the kernel is busy with.

    For what shares nothing with cells. Whoever makes it is to know it before `start`: an interrupt
    in between leaves what `stop` ends.

    Args:
        step: called every half second, until it returns False.
        finish: called once, whatever the end.
    """

    def __init__(
        self, step: Callable[[], bool], finish: Callable[[], None], context: MakeContext
    ) -> None:
        self._step = step
        self._finish = finish
        self._context = context
        self._stopping = threading.Event()
        self._stepping = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="ipcm watch", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def stop(self) -> None:
        """Ends it, and waits until it has finished; repeatable."""
        self._stopping.set()
        if self._thread.ident is None:
            self._thread.start()  # for no more than to finish
        self._thread.join(_PATIENCE)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """In the block it does nothing, and is in the middle of nothing: it holds no lock."""
        with self._stepping:
            yield

    def _run(self) -> None:
        try:
            while not self._stopping.wait(REFRESH) and self._do(self._step):
                pass
        finally:
            self._do(self._finish)

    def _do(self, action: Callable[[], bool | None]) -> bool | None:
        with self._stepping:
            return self._context().run(action)


class Interruptible:
    """Something aside that an interrupt between two cells ends.

    Raises:
        RuntimeError: no event loop runs.
    """

    def __init__(self, aside: Aside, context: MakeContext) -> None:
        loop = asyncio.get_running_loop()
        self._aside = aside
        self._context = context
        self._interrupt = IdleInterrupt(lambda: loop.call_soon_threadsafe(self.stop))
        self._arming: Background | None = None

    def start(self) -> None:
        """Begins; see `Aside`."""
        self._aside.start()
        # Only the main thread may, and whoever runs a cell has handlers of its own meanwhile.
        self._arming = Background(self._arm, self._context)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._aside.ended

    def stop(self) -> None:
        """Ends it, and waits until it has finished; repeatable."""
        if self._arming is not None:
            self._arming.stop()
        self._interrupt.disarm()
        self._aside.stop()

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """See `Aside.paused`."""
        return self._aside.paused()

    def _arm(self) -> bool:
        if self.ended:
            self._interrupt.disarm()
            return False
        self._interrupt.arm()
        return True
