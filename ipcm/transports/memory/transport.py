"""The `memory` transport: makes, finds, joins and ends buses that live in this process."""

from __future__ import annotations

import os

from ipcm._core.businfo import BusInfo
from ipcm._core.presence import PeerInfo, PeerKind
from ipcm._os.clock import SYSTEM_CLOCK
from ipcm._os.process import identify
from ipcm.errors import BadBusInfo, BusGone, NameTaken, UnsupportedError
from ipcm.serializers import get_serializer
from ipcm.transports.base import BusRecord, Capabilities, Transport
from ipcm.transports.memory.hub import Hub
from ipcm.transports.memory.port import MemoryPort

__all__ = ["MemoryTransport"]


class MemoryTransport(Transport):
    """See `Transport`.

    A bus lives in the process that spawned it: it needs no guard, ends with the process, and is
    found and joined nowhere else. Its route is `PID/NAME`.
    """

    name = "memory"
    capabilities = Capabilities(processes=False, discovery=True, suspend=True)

    def __init__(self) -> None:
        self._hubs: dict[str, Hub] = {}

    def create(self, name: str, serializer: str, guard: bool) -> BusRecord:
        """See `Transport.create`."""
        info = BusInfo(self.name, serializer, f"{os.getpid()}/{name}")
        record = BusRecord(name, info, os.getpid(), SYSTEM_CLOCK.time(), guard)
        self.add(Hub(record))
        return record

    def add(self, hub: Hub) -> None:
        """A hub that was made elsewhere is found here from now on; raises NameTaken."""
        # One step, so that of two threads one wins.
        if self._hubs.setdefault(hub.record.info.route, hub) is not hub:
            raise NameTaken(hub.record.name, os.getpid(), "bus")

    def look(self, info: BusInfo) -> BusRecord:
        """See `Transport.look`.

        Raises:
            UnsupportedError: the bus lives in another process.
        """
        return self._hub(info).record

    def discover(self) -> list[BusRecord]:
        """See `Transport.discover`: those of this process."""
        mine = f"{os.getpid()}/"
        found = [hub.record for route, hub in list(self._hubs.items()) if route.startswith(mine)]
        return sorted(found, key=lambda record: record.started)

    def join(
        self, info: BusInfo, name: str, kind: PeerKind, *, read_only: bool = False
    ) -> MemoryPort:
        """See `Transport.join`."""
        serializer = get_serializer(info.serializer)
        hub = self._hub(info)
        box = hub.join(name, os.urandom(16).hex(), kind, read_only)
        return MemoryPort(hub, box, serializer)

    def resume(self, info: BusInfo, name: str) -> MemoryPort:
        """See `Transport.resume`."""
        serializer = get_serializer(info.serializer)
        hub = self._hub(info)
        box, unread = hub.resume(name)
        return MemoryPort(hub, box, serializer, unread)

    def presence(self, info: BusInfo) -> list[PeerInfo]:
        """See `Transport.presence`."""
        return self._hub(info).peers()

    def terminate(self, info: BusInfo) -> None:
        """See `Transport.terminate`."""
        self._hub(info).terminate()

    def detach(self, info: BusInfo, *, lingers: bool = False) -> None:
        """See `Transport.detach`: nobody's `with` ends it any more; its process still does."""
        self._hub(info).check()

    def end(self, record: BusRecord, grace: float) -> None:
        """See `Transport.end`; a service that does not end is left without its bus."""
        hub = self._hubs.get(record.info.route)
        if hub is not None and record.owner_pid == os.getpid():
            hub.end(grace)
            self._hubs.pop(record.info.route, None)

    def _hub(self, info: BusInfo) -> Hub:
        pid, _, name = info.route.partition("/")
        if not pid.isdecimal() or not name:
            raise BadBusInfo(f"not a route of a bus in memory: {info.route!r:.200}")
        # A forked child has a copy of the table, in which no thread is left to serve a bus.
        if int(pid) == os.getpid() and info.route in self._hubs:
            return self._hubs[info.route]
        if int(pid) != os.getpid() and _lives(int(pid)):
            raise UnsupportedError(
                f"the bus {name!r} lives in the memory of process {pid}: "
                "what other processes are to reach takes a bus of another transport"
            )
        raise BusGone(f"there is no bus {name!r} in the memory of process {pid}")


def _lives(pid: int) -> bool:
    try:
        identify(pid)
    except (ProcessLookupError, OverflowError):
        return False
    return True
