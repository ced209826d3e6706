"""The buses of this user, and how to watch one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from ipcm.aio import observe
from ipcm.bus import Bus, buses, find_bus
from ipcm.errors import IPCMError
from ipcm.transports.runtime import homes
from ipcm_tui.models.buses import BusFacts, BusRow
from ipcm_tui.source import Source

__all__ = ["HostBuses", "open_source"]

_MOST_EVENTS = 1500.0
_RATES = (10.0, 500.0)


class HostBuses:
    """See `ipcm_tui.source.Buses`."""

    async def look(self) -> Sequence[BusRow]:
        """The live ones, and those that were swept away by looking."""
        return await asyncio.get_running_loop().run_in_executor(None, look)

    async def open(self, bus: str, *, read_only: bool) -> tuple[Source, BusFacts]:
        """Begins to watch one."""
        found = find_bus(bus)
        return await open_source(found, read_only), BusFacts.of(found)


def look() -> list[BusRow]:
    """The live buses, and those that were swept away by looking."""
    before = _listed()
    live = []
    for bus in buses():
        try:
            peers = len(bus.peers())
        except IPCMError:
            continue  # it has ended just now
        live.append(BusRow(BusFacts.of(bus), peers))
    names = {row.facts.name for row in live}
    swept = before - _listed() - names
    return live + [BusRow.swept(name) for name in sorted(swept)]


def _listed() -> set[str]:
    names: set[str] = set()
    for place in homes():
        with contextlib.suppress(OSError):
            names |= {path.name for path in place.iterdir() if path.is_dir()}
    return names


async def open_source(bus: Bus, read_only: bool) -> Source:
    """Watches a bus; raises BusGone.

    The more services there are, the fewer message events each is asked for: what is left out is
    counted, and nobody could read it anyhow.
    """
    least, most = _RATES
    rate = min(max(_MOST_EVENTS / max(len(bus.services()), 1), least), most)
    return await observe(bus, read_only=read_only, rate=rate)
