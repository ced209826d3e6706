"""The asyncio twin of `Output.follow`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from ipcm.observe.output import PAUSE, Output

__all__ = ["follow"]


async def follow(output: Output, until: Callable[[], object] = bool) -> AsyncIterator[str]:
    """What is there, then what comes, as it comes; see `Output.follow`.

    Args:
        output: of `Bus.output` or a handle's `output`.
        until: a plain function, asked whenever there is nothing new; true: nothing will come any
            more.
    """
    while True:
        over = until()
        if text := output.read():
            yield text
            await asyncio.sleep(0)  # there may be more, and others wait
        elif over:
            return
        else:
            await asyncio.sleep(PAUSE)
