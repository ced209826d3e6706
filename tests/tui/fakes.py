"""A bus that is not there: an observer, a clock, processes, all under a test's control."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import Any

from ipcm._core.observation import (
    Event,
    MessageEvent,
    PeerEvent,
    Snapshot,
)
from ipcm._core.presence import PeerInfo
from ipcm._os.process import ProcessIdentity
from ipcm.console.usage import Usage
from ipcm.errors import BusGone, IPCMError, NoSuchBus, NoSuchPeer
from ipcm_tui.models.buses import BusFacts, BusRow
from ipcm_tui.models.peers import Peer, PeerKey
from ipcm_tui.source import Clock

__all__ = ["NOON", "FakeBuses", "FakeClock", "FakeObserver", "FakeProcesses"]

NOON = 1_700_000_000.0
"""A Tuesday evening: 2023-11-14 22:13:20 UTC."""


class FakeClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOON
        self.spans = 100.0

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.spans += seconds

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.spans, lambda: 0.0, UTC)


class FakeObserver:
    """The API of an observer, without a bus.

    Attributes:
        requests: what was sent through it: (peer, payload).
        answers: what requests are answered with, in order: payloads, or errors to raise.
        acts: whom it was told to end or signal.
        descriptions: what services say of themselves.
        failure: raised by the next call that would send something.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.name = "observer-1-abcd"
        self.presence: dict[str, PeerInfo] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.busy: dict[str, float] = {}
        self.dropped = 0
        self.refreshed = 0
        self.polled = 0
        self.closed = False
        self.requests: list[tuple[str, Any]] = []
        self.answers: list[Any] = []
        self.acts: list[tuple[str, str, int]] = []
        self.descriptions: dict[str, Any] = {}
        self.failure: IPCMError | None = None
        self.over: str | None = None
        self._clock = clock
        self._events: list[Event] = []

    # The observer's side

    async def poll(self, timeout: float | None = 0.0) -> list[Event]:
        while not self._events and self.over is None and timeout is None:
            await asyncio.sleep(0.02)
        self.polled += 1
        events, self._events = self._events, []
        if not events and self.over is not None:
            raise BusGone(self.over)
        return events

    async def refresh(self) -> None:
        self.refreshed += 1

    async def describe(self, service: str, timeout: float = 1.0) -> Any:
        del timeout
        if service not in self.descriptions:
            raise NoSuchPeer(service, self.presence)
        return self.descriptions[service]

    async def request(self, peer: str, payload: Any, timeout: float | None = 30.0) -> Any:
        del timeout
        self._fail()
        self.requests.append((peer, payload))
        while not self.answers:
            await asyncio.sleep(0.005)
        answer = self.answers.pop(0)
        if isinstance(answer, IPCMError):
            raise answer
        return answer

    async def terminate(self, service: str) -> None:
        self._fail()
        self.acts.append(("terminate", service, 0))

    async def signal(self, service: str, number: int) -> None:
        self._fail()
        self.acts.append(("signal", service, int(number)))

    async def close(self) -> None:
        self.closed = True

    def _fail(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    # The test's side

    def tell(self, *events: Event) -> None:
        """Events come in."""
        self._events += events

    def join(
        self,
        name: str,
        pid: int,
        kind: Any = "service",
        *,
        since: float = 0.0,
        incarnation: str | None = None,
        ready: bool = True,
    ) -> PeerInfo:
        """A peer comes; `since` is relative to now."""
        incarnation = incarnation or f"{pid:032x}"
        info = PeerInfo(name, pid, incarnation, kind, ready, self._clock.now + since)
        self.presence[name] = info
        self.tell(PeerEvent("", info.since, name, 1))
        return info

    def leave(self, name: str) -> None:
        """A peer goes."""
        del self.presence[name]
        self.snapshots.pop(name, None)
        self.tell(PeerEvent("", self._clock.now, name, -1))

    def snap(self, name: str, **fields: Any) -> Snapshot:
        """A service answers with a snapshot."""
        info = self.presence[name]
        values: dict[str, Any] = {
            "name": name,
            "pid": info.pid,
            "incarnation": info.incarnation,
            "state": "running",
            "started": info.since,
            "uptime": self._clock.now - info.since,
            "cycle": 0.2,
            "interval": 0.2,
            **fields,
        }
        self.snapshots[name] = Snapshot(**values)
        return self.snapshots[name]

    def exchange(
        self,
        asker: str,
        service: str,
        id: int,
        endpoint: str = "search",
        *,
        latency: float = 0.0014,
        error: str | None = None,
        when: float | None = None,
    ) -> list[MessageEvent]:
        """What a service tells of a request that it got and answered."""
        when = self._clock.now if when is None else when
        asked = f'{{"endpoint":"{endpoint}","args":{{}}}}'
        return [
            MessageEvent(service, when, "in", "request", asker, id, endpoint, 118, preview=asked),
            MessageEvent(
                service,
                when + latency,
                "out",
                "response",
                asker,
                id,
                endpoint,
                1240,
                latency,
                error,
                preview=None if error else '{"files":1204,"bytes":9210341}',
            ),
        ]


class FakeProcesses:
    """Processes that are not there.

    Attributes:
        exits: how they ended, by name. starts: their start times, by pid; 1 where not told.
        signals: what was sent: (pid, start, number). held: who is held on to.
    """

    def __init__(self) -> None:
        self.exits: dict[str, int] = {}
        self.starts: dict[int, int] = {}
        self.signals: list[tuple[int, int, int]] = []
        self.held: set[PeerKey] = set()
        self.closed = False
        self.failure: OSError | None = None

    def meet(self, peer: Peer) -> None:
        self.held.add(peer.key)

    def part(self, key: PeerKey) -> None:
        self.held.discard(key)

    def usage(self, pid: int, since: float) -> Usage:
        del since
        return Usage((pid % 7) * 1.3, 18_000_000 + pid * 1000)

    def exit(self, key: PeerKey) -> int | None:
        return self.exits.get(key.name)

    def identify(self, pid: int) -> ProcessIdentity:
        if self.starts.get(pid) == 0:
            raise ProcessLookupError
        return ProcessIdentity(pid, self.starts.get(pid, 1))

    def signal(self, who: ProcessIdentity, number: int) -> None:
        if self.failure is not None:
            raise self.failure
        self.signals.append((who.pid, who.start, int(number)))

    def close(self) -> None:
        self.closed = True


class FakeBuses:
    """Buses that are not there.

    Attributes:
        rows: what looking finds. sources: what opening gives, by name.
        opened: what was opened, and whether read-only.
    """

    def __init__(self) -> None:
        self.rows: list[BusRow] = []
        self.sources: dict[str, FakeObserver] = {}
        self.opened: list[tuple[str, bool]] = []

    async def look(self) -> list[BusRow]:
        return list(self.rows)

    async def open(self, bus: str, *, read_only: bool) -> tuple[FakeObserver, BusFacts]:
        self.opened.append((bus, read_only))
        facts = next(row.facts for row in self.rows if bus in (row.facts.name, row.facts.info))
        if facts.name not in self.sources:
            raise NoSuchBus(bus)
        return self.sources[facts.name], facts
