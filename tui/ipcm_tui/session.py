"""One bus, watched: everything that screens show of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from ipcm._core.observation import Event
from ipcm.errors import BusGone
from ipcm_tui.asking import Asker
from ipcm_tui.control import Control
from ipcm_tui.models.buses import BusFacts
from ipcm_tui.models.peers import Peer, PeerKey, Peers
from ipcm_tui.models.traffic import TrafficLog
from ipcm_tui.outputs import OpenOutput, OutputReader
from ipcm_tui.processes import HostProcesses, Processes
from ipcm_tui.source import Clock, Source

__all__ = ["Session", "beat"]

_GAP: Final = 0.05
_BEAT: Final = 0.5
_EACH: Final = 0.01
_LONGEST_BEAT: Final = 2.0
_USAGE: Final = 1.0
_LAST_RITES: Final = 5.0


class Session:
    """Takes in what an observer tells, until the bus ends or somebody closes it.

    Args:
        source: an open observer; the session closes it.
        on_over: called once, when the bus has ended, with the reason.

    Attributes:
        over: why the bus has ended; None while it lives.
        changes: grows whenever there may be something new to draw.
    """

    def __init__(
        self,
        source: Source,
        facts: BusFacts,
        *,
        clock: Clock | None = None,
        processes: Processes | None = None,
        outputs: OpenOutput | None = None,
        read_only: bool = False,
        demo: bool = False,
        on_over: Callable[[str], None] = lambda why: None,
    ) -> None:
        self.source = source
        self.facts = facts
        self.clock = clock or Clock()
        self.processes: Processes = processes or HostProcesses()
        self.read_only = read_only
        self.demo = demo
        self.peers = Peers(os.getpid())
        self.traffic = TrafficLog()
        self.asker = Asker(source, self.peers, self.clock)
        self.control = Control(self)
        self.over: str | None = None
        self.changes = 0
        self._on_over = on_over
        self._outputs = outputs
        self._listed = -1
        self._known: dict[PeerKey, Peer] = {}
        self._living: set[PeerKey] = set()
        self._dying: dict[PeerKey, float] = {}
        self._measured = 0.0
        self._seen: tuple[object, ...] = ()

    async def run(self) -> None:
        """Listens, and asks for figures, until the bus ends."""
        beats = asyncio.get_running_loop().create_task(self._beat())
        try:
            while True:
                self._take(await self.source.poll(None))
                # What is not taken yet waits, and is counted where there is too much of it: a
                # flood costs the console a fixed part of its time, and the services nothing.
                await asyncio.sleep(_GAP)
        except BusGone as error:
            self._end(str(error))
        finally:
            beats.cancel()

    async def close(self) -> None:
        """Leaves the bus, and stops nothing on it."""
        self.asker.close()
        self.processes.close()
        await self.source.close()

    def update(self) -> None:
        """Brings the peers up to date with what the observer knows."""
        if self.over is not None:
            return
        source, now = self.source, self.clock.wall()
        busy = source.busy
        second = int(now)
        seen = (second, [id(each) for each in source.snapshots.values()], len(busy))
        if seen != self._seen:
            self._seen = seen
            self.changes += 1
        self.peers.update(source.presence, source.snapshots, busy, now)
        self._follow_processes(now)

    def open_output(self, service: str) -> OutputReader | None:
        """What a service writes; None where the bus does not keep it."""
        return None if self._outputs is None else self._outputs(self.facts, service)

    # Taking in

    async def _beat(self) -> None:
        while True:
            try:
                await self.source.refresh()
            except BusGone:
                return  # the other task hears of it, after what is still to be told
            await asyncio.sleep(beat(self.peers.count("service")))

    def _take(self, events: list[Event]) -> None:
        # What was told of a life belongs to it, also where the name has another by now; what is
        # told of one that has just come finds it a moment later.
        early = [event for event in events if not self.peers.note(event)]
        self.update()
        for event in early:
            self.peers.note(event)
        before = self.traffic.changes
        self.traffic.extend(events, self.source.dropped)
        self.changes += self.traffic.changes - before
        self.update()

    def _end(self, why: str) -> None:
        self.update()
        self.over = why
        self.changes += 1
        self._on_over(why)

    # Processes

    def _follow_processes(self, now: float) -> None:
        if self.peers.version != self._listed:
            self._listed = self.peers.version
            self._list(now)
        self._last_rites(now)
        if now - self._measured >= _USAGE or now < self._measured:
            self._measured = now
            for peer in self._known.values():
                if not peer.is_gone:
                    peer.use(*self.processes.usage(peer.pid, peer.since))
                    peer.latencies.turn(now)
                    peer.lags.turn(now)
            self.peers.version += 1

    def _list(self, now: float) -> None:
        listed = {peer.key: peer for peer in self.peers.in_order()}
        for key, peer in listed.items():
            if not peer.is_gone and key not in self._living:
                self.processes.meet(peer)
            elif peer.is_gone and key in self._living:
                # A process leaves the bus a little before it ends.
                self._dying[key] = now
        for key in self._known.keys() - listed.keys():
            self.processes.part(key)
            self._dying.pop(key, None)
        self._living = {key for key, peer in listed.items() if not peer.is_gone}
        self._known = listed

    def _last_rites(self, now: float) -> None:
        for key, since in list(self._dying.items()):
            peer = self._known[key]
            peer.exit = self.processes.exit(key)
            if peer.exit is not None:
                self.peers.version += 1
                self.changes += 1
            if peer.exit is not None or now - since > _LAST_RITES:
                self.processes.part(key)
                del self._dying[key]


def beat(services: int) -> float:
    """Seconds between two times that all services are asked for their figures: half a second, and
    more where so many of them answer that it would be most of what they and the console do.
    """
    return min(max(_BEAT, services * _EACH), _LONGEST_BEAT)
