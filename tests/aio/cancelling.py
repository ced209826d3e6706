"""An operation, cancelled wherever it waits: once at each place."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any

__all__ = ["at_each_wait"]


@types.coroutine
def _cancelled(main: Coroutine[Any, Any, Any], places: set[int]) -> Generator[Any, None, Any]:
    """Runs `main`; its task is cancelled where it waits for the so-manieth time."""
    task, count = asyncio.current_task(), 0
    assert task is not None
    thrown: BaseException | None = None
    while True:
        try:
            waits_for = main.send(None) if thrown is None else main.throw(thrown)
        except StopIteration as end:
            return end.value
        if count in places:
            places.discard(count)
            task.cancel()
        count += 1
        try:
            thrown = None
            yield waits_for
        except BaseException as error:  # noqa: BLE001 (it goes on into `main`)
            thrown = error


async def at_each_wait(
    make: Callable[[], Coroutine[Any, Any, Any]], limit: float = 10.0
) -> AsyncIterator[Any]:
    """Yields once for each place where the operation waits, after it was cancelled there: the
    CancelledError, or what it returned all the same. Ends with a time when nothing was left to
    cancel.

    Args:
        limit: seconds for each of them.
    """
    place = 0
    while True:
        places = {place}
        task = asyncio.ensure_future(_cancelled(make(), places))  # type: ignore[arg-type]
        done, _ = await asyncio.wait([task], timeout=limit)
        assert done, f"cancelled at wait {place} it goes on"
        yield asyncio.CancelledError() if task.cancelled() else task.result()
        if places:
            return
        place += 1
