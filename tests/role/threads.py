"""A process with threads, as a notebook's kernel or a dashboard is one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

__all__ = ["HELD", "threads"]

HELD = threading.Lock()
"""Held by a thread: who forks meanwhile gets it held, and nobody there lets it go."""


@contextlib.contextmanager
def threads() -> Iterator[None]:
    """Two threads: one holds a lock, one runs an event loop."""
    end, holding, looping = threading.Event(), threading.Event(), threading.Event()
    loop = asyncio.new_event_loop()

    def hold() -> None:
        with HELD:
            holding.set()
            end.wait()

    def run() -> None:
        loop.call_soon(looping.set)
        loop.run_forever()

    both = [threading.Thread(target=hold), threading.Thread(target=run)]
    for thread in both:
        thread.start()
    assert holding.wait(10) and looping.wait(10)
    try:
        yield
    finally:
        end.set()
        loop.call_soon_threadsafe(loop.stop)
        for thread in both:
            thread.join()
        loop.close()
