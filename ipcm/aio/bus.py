"""What waits for a whole bus, in a loop; all else that a `Bus` does is a short question."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from ipcm._core.patience import check_seconds, check_timeout
from ipcm.aio.observer import observe
from ipcm.aio.opening import Opening
from ipcm.bus import AnyBus, Bus, find_bus
from ipcm.bus import spawn as spawn_bus
from ipcm.errors import BusGone, IPCMError, RequestTimeout
from ipcm.role.context import current_service

__all__ = ["shutdown", "spawn", "wait"]


def spawn(name: str | None = None, **options: Any) -> Opening[Bus]:
    """Makes a bus; at the end of an `async with` it is ended as by `ipcm.aio.shutdown`.

    Args:
        name, options: see `ipcm.spawn`.

    Raises:
        NameTaken, InvalidName, BadBusInfo, InsecureDirectory, BusError, UnsupportedError.
    """
    return Opening(_spawn(name, options), _leave)


async def _spawn(name: str | None, options: dict[str, Any]) -> Bus:
    return spawn_bus(name, **options)


async def _leave(bus: Bus) -> None:
    if bus.owned:
        await shutdown(bus)


async def wait(bus: AnyBus | None = None, timeout: float | None = None) -> None:
    """Waits until no service is left on a bus; see `Bus.wait`.

    Args:
        bus: a Bus, an info string, a name; None for `IPCM_BUS`, else the only live bus.
        timeout: seconds; None for ever.

    Raises:
        RequestTimeout: there still is one after `timeout` seconds. NoSuchBus, ManyBuses.
    """
    timeout = check_timeout(timeout)
    with contextlib.suppress(BusGone):
        found = find_bus(bus)
        if not await _no_services(found, timeout):
            what = f"not all services of the bus {found.name!r} have ended"
            raise RequestTimeout(found.name, timeout or 0.0, what)


async def shutdown(bus: Bus, grace: float = 5.0) -> None:
    """Ends a bus while the loop goes on: see `Bus.shutdown`.

    Cancelled, it has the services end all the same, in the time that they have, and is cancelled
    then; cancelled once more, it kills them. A service that ends its own bus waits as
    `Bus.shutdown` does.

    Args:
        grace: seconds for the services to end by themselves.
    """
    grace = check_seconds(grace, "grace")
    if not bus._may_end():
        return
    service = current_service()
    if service is not None and service.ipcm_info == bus.info:
        bus.shutdown(grace)  # it ends itself with it, and its loop would end before the others
        return
    deadline = time.monotonic() + grace
    try:
        with contextlib.suppress(IPCMError, OSError):
            bus.terminate()
            try:
                await _no_services(bus, grace)
            except asyncio.CancelledError:
                await _no_services(bus, deadline - time.monotonic())
                raise
    except BaseException:
        deadline = 0.0
        raise
    finally:
        bus.shutdown(max(deadline - time.monotonic(), 0.0))


async def _no_services(bus: Bus, timeout: float | None) -> bool:
    """Waits until no service is left; False where time is over first. Raises BusGone."""
    async with observe(bus, (), events=()) as watcher:  # of presence alone: no service is asked

        def none_left() -> bool:
            return not any(peer.kind == "service" for peer in watcher.presence.values())

        return await watcher._until(none_left, timeout)
