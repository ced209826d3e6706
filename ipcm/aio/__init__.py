"""The asyncio side of ipcm: the same names, awaitable, for the loop that is running.

    async with ipcm.aio.attach("store") as handle:
        rows = await asyncio.gather(*(handle.call("get", key=key) for key in keys))

No threads: the loop waits for the connection's one descriptor. A client, handle or observer
belongs to the loop that it was made in, and any number of its tasks may use it at once.
"""

from ipcm.aio.bus import shutdown, spawn, wait
from ipcm.aio.client import AsyncClient, connect, reconnect
from ipcm.aio.handle import AsyncHandle, attach, service
from ipcm.aio.observer import AsyncObserver, observe
from ipcm.aio.output import follow

__all__ = [
    "AsyncClient",
    "AsyncHandle",
    "AsyncObserver",
    "attach",
    "connect",
    "follow",
    "observe",
    "reconnect",
    "service",
    "shutdown",
    "spawn",
    "wait",
]
