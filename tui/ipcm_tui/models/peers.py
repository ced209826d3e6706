"""Who is on the bus, and who was a moment ago: one row per life of a name."""

from __future__ import annotations

import dataclasses
import math
import signal
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ipcm._core.observation import (
    CallbackError,
    ErrorEvent,
    Event,
    MessageEvent,
    PeerEvent,
    SignalEvent,
    Snapshot,
    TerminatedEvent,
    WorkerEvent,
)
from ipcm._core.presence import PeerInfo
from ipcm_tui.models.history import RateHistory, SpanHistory, p95

__all__ = ["Peer", "PeerKey", "Peers", "exit_text"]

_MOST_GONE: Final = 100
_MOST_CLIENTS: Final = 5
_MOST_LIVES: Final = 5
_SETTLED: Final = 1.0
_MOST_WORKERS: Final = 1000
_MOST_ERRORS: Final = 20
_DELTAS: Final = 200
_MOMENT: Final = 0.2


class PeerKey(NamedTuple):
    """One life of a name."""

    name: str
    incarnation: str


@dataclasses.dataclass(slots=True, eq=False)
class Peer:
    """One life of a name.

    Attributes:
        kind: "service" or "client".
        state: "starting", "up", "busy", "ending" or "gone".
        since: when it joined, seconds since the epoch. ended: when it left, or None.
        busy_for: seconds without an answer, 0 where it answers.
        in_order: it said that it would end, before it left. value: what it ended with then.
        failure: the exception that ended it, where it said so; else "".
        exit: how its process ended, as subprocess gives it; None where that is not known.
        cpu: percent of one CPU. rss, peak: bytes of memory, and the most that was seen.
        errors: what failed last, the newest last: of the snapshot, and what was heard since.
        deltas: who came (+1) and left (-1) as the service saw it, and when; the newest last.
        signalled: when each signal was seen last.
        rates, latencies, lags: of the last minute: requests answered, the p95 of those that were
            seen, and how long others had to wait for the loop.
    """

    key: PeerKey
    pid: int
    kind: str
    since: float
    state: str = "starting"
    ended: float | None = None
    busy_for: float = 0.0
    in_order: bool = False
    value: Any = None
    failure: str = ""
    exit: int | None = None
    cpu: float | None = None
    rss: int | None = None
    peak: int = 0
    errors: list[CallbackError] = dataclasses.field(default_factory=list)
    deltas: deque[tuple[float, str, int]] = dataclasses.field(
        default_factory=lambda: deque(maxlen=_DELTAS)
    )
    signalled: dict[str, float] = dataclasses.field(default_factory=dict)
    snapshot: Snapshot | None = None
    rates: RateHistory = dataclasses.field(default_factory=RateHistory)
    latencies: SpanHistory = dataclasses.field(default_factory=lambda: SpanHistory(p95))
    lags: SpanHistory = dataclasses.field(default_factory=lambda: SpanHistory(max))

    @property
    def name(self) -> str:
        """Its name."""
        return self.key.name

    @property
    def is_service(self) -> bool:
        """Whether it runs the loop of a service, and can be asked to end."""
        return self.kind == "service"

    @property
    def is_gone(self) -> bool:
        """Whether it has left."""
        return self.ended is not None

    @property
    def how(self) -> str:
        """How it ended, as far as it is known; "" before."""
        if not self.is_gone:
            return ""
        exit = None if self.exit is None else exit_text(self.exit)
        if self.in_order:
            with_value = f" with {self.value!r}" if self.value not in (0, None) else ""
            return f"ended in order{with_value}" + (f", {exit}" if exit else "")
        if self.failure:
            return f"failed: {self.failure}" + (f", {exit}" if exit else "")
        if self.exit is not None and self.exit < 0:
            return f"killed by {exit}"
        if exit is not None:
            return f"{exit}, without a word" if self.is_service else f"left, {exit}"
        return "left without a word: killed, or it crashed" if self.is_service else "left"

    def uptime(self, now: float) -> float:
        """Seconds since it joined, or that it was there; `now` in seconds since the epoch."""
        return max((now if self.ended is None else self.ended) - self.since, 0.0)

    def signal_count(self) -> int:
        """Signals received, all kinds."""
        snapshot = self.snapshot
        return sum(s.received for s in snapshot.signals.values()) if snapshot else 0

    def error_count(self) -> int:
        """Requests answered with an error, and exceptions of other callbacks."""
        failed = 0 if self.snapshot is None else self.snapshot.requests.errors
        # A handler that raised is counted with its request already.
        return failed + sum(error.where != "handle_request" for error in self.errors)

    def recall(self, snapshot: Snapshot) -> None:
        """Takes over who came and left before anybody looked."""
        # Its clock readings of one change are a moment apart, here and in the event.
        first = self.deltas[0][0] - _MOMENT if self.deltas else math.inf
        for each in reversed(snapshot.deltas):
            if each.when < first:
                self.deltas.appendleft((each.when, each.peer, each.change))

    def use(self, cpu: float | None, rss: int | None) -> None:
        """What its process takes now."""
        self.cpu, self.rss = cpu, rss
        self.peak = max(self.peak, rss or 0)


class Peers:
    """The rows, live and gone.

    Services that ended stay, of each name the last few lives, and so do plain clients that failed.
    Of clients that left as they should only the last few stay, and of workers, which their service
    tells of, none: many come and go all the time, and would bury who lives.

    Args:
        own: pid of the console: nobody wants to read that its own connections have ended.

    Attributes:
        version: grows whenever any of them changes.
        folded: how many have ended that are no rows any more, since the last clearing.
    """

    def __init__(self, own: int | None = None) -> None:
        self.version = 0
        self.folded = 0
        self._own = own
        self._workers: dict[int, None] = {}
        self._peers: dict[PeerKey, Peer] = {}
        self._live: dict[str, Peer] = {}
        self._present: dict[str, PeerInfo] = {}
        self._ordered: list[Peer] | None = None

    def __len__(self) -> int:
        return len(self._peers)

    def get(self, key: PeerKey | None) -> Peer | None:
        """The row, live or gone."""
        return None if key is None else self._peers.get(key)

    def live(self, name: str) -> Peer | None:
        """The present life of a name."""
        return self._live.get(name)

    def in_order(self) -> Sequence[Peer]:
        """Services by name, then plain clients by name; older lives first. Clients that have left
        come last, those that left last first.
        """
        if self._ordered is None:
            self._ordered = sorted(self._peers.values(), key=_place)
        return self._ordered

    def names(self) -> list[str]:
        """Names of those who are there, services first."""
        return [peer.name for peer in self.in_order() if not peer.is_gone]

    def count(self, kind: str) -> int:
        """How many of a kind are there."""
        return sum(peer.kind == kind and not peer.is_gone for peer in self._peers.values())

    def request_rate(self) -> float:
        """Requests answered per second by all services."""
        return sum(
            peer.snapshot.total.rate
            for peer in self._peers.values()
            if peer.snapshot is not None and not peer.is_gone
        )

    def note(self, event: Event) -> bool:
        """A service said something of itself; False where nobody of that name is known (yet)."""
        peer = self._life(event.service, event.when)
        if peer is None:
            return not event.service
        if isinstance(event, MessageEvent):
            # Most are of these: they go the short way.
            if event.latency is not None and event.direction == "out":
                peer.latencies.add(event.when, event.latency)
            return True
        match event:
            case TerminatedEvent():
                # It leaves its loop; its departure is told separately, and may be known already.
                peer.in_order, peer.value = event.error is None, event.value
                peer.failure = event.error or ""
                if not peer.is_gone:
                    peer.state = "ending"
                self.version += 1
            case ErrorEvent():
                error = CallbackError(event.when, event.where, event.error, event.traceback)
                if not peer.errors or error.when > peer.errors[-1].when:
                    peer.errors = [*peer.errors, error][-_MOST_ERRORS:]
            case PeerEvent():
                peer.deltas.append((event.when, event.peer, event.change))
            case SignalEvent():
                peer.signalled[event.signal] = event.when
            case WorkerEvent(change=1):
                self._workers[event.pid] = None
                if len(self._workers) > _MOST_WORKERS:
                    del self._workers[next(iter(self._workers))]
        return True

    def _life(self, name: str, when: float) -> Peer | None:
        """Who had the name then: presence is known a little before what was said."""
        live = self.live(name)
        if live is not None and when >= live.since:
            return live
        lives = [peer for peer in self._peers.values() if peer.name == name and peer.since <= when]
        return max(lives, key=lambda peer: peer.since, default=live)

    def update(
        self,
        presence: Mapping[str, PeerInfo],
        snapshots: Mapping[str, Snapshot],
        busy: Mapping[str, float],
        now: float,
    ) -> None:
        """Takes over what the observer knows.

        Args:
            busy: seconds without an answer. now: seconds since the epoch.
        """
        news = presence != self._present
        if news:
            self._meet(presence, now)
        live = self._live
        for name, info in presence.items():
            peer, snapshot, busy_for = live[name], snapshots.get(name), busy.get(name, 0.0)
            if news or snapshot is not peer.snapshot or busy_for != peer.busy_for:
                self._refresh(peer, info, snapshot, busy_for, now)
        if len(self._peers) > len(live):
            self._fold(now)

    def clear_gone(self) -> int:
        """Forgets the dead; returns how many."""
        gone = [key for key, peer in self._peers.items() if peer.is_gone]
        for key in gone:
            self._forget(key)
        count = len(gone) + self.folded
        self.folded = 0
        return count

    def _meet(self, presence: Mapping[str, PeerInfo], now: float) -> None:
        """Buries who left, and takes in who came."""
        self._present = dict(presence)
        for name, peer in list(self._live.items()):
            info = presence.get(name)
            if info is None or info.incarnation != peer.key.incarnation:
                del self._live[name]
                self._bury(peer, now)
        for info in presence.values():
            key = PeerKey(info.name, info.incarnation)
            if key not in self._peers:
                self._peers[key] = Peer(key, info.pid, info.kind, info.since)
                self._ordered = None
                self.version += 1
            self._live[info.name] = self._peers[key]

    def _forget(self, key: PeerKey) -> None:
        del self._peers[key]
        self._ordered = None
        self.version += 1

    def _refresh(
        self,
        peer: Peer,
        info: PeerInfo,
        snapshot: Snapshot | None,
        busy_for: float,
        now: float,
    ) -> None:
        if busy_for > 0:
            peer.lags.add(now, busy_for)
        if snapshot is not None and snapshot.incarnation == info.incarnation:
            if snapshot is not peer.snapshot:
                if peer.snapshot is None:
                    peer.recall(snapshot)
                peer.rates.add(snapshot.uptime, snapshot.total.count)
                peer.lags.add(now, snapshot.loop_lag)
                self.version += 1
                if snapshot.errors:
                    since = [e for e in peer.errors if e.when > snapshot.errors[-1].when]
                    peer.errors = [*snapshot.errors, *since]
            peer.snapshot = snapshot
        if peer.in_order or peer.failure or (peer.snapshot and peer.snapshot.state == "ending"):
            state = "ending"
        elif busy_for > 0:
            state = "busy"
        elif not info.ready:
            state = "starting"
        else:
            state = "up"
        if (state, busy_for) != (peer.state, peer.busy_for):
            peer.state, peer.busy_for = state, busy_for
            self.version += 1

    def _bury(self, peer: Peer, now: float) -> None:
        peer.ended, peer.state, peer.busy_for = now, "gone", 0.0
        self._ordered = None
        self.version += 1

    def _fold(self, now: float) -> None:
        """Makes room: see the class."""
        gone = [peer for peer in self._peers.values() if peer.ended is not None]
        gone.sort(key=lambda peer: (peer.is_service, peer.ended or 0.0))
        clients = [peer for peer in gone if not peer.is_service]
        workers = [peer for peer in clients if peer.pid in self._workers or peer.pid == self._own]
        left = [peer for peer in clients if peer.exit in (None, 0) and peer not in workers]
        # How a process ended is known a moment after it left.
        sure = [peer for peer in left[:-_MOST_CLIENTS] if peer.exit == 0 or _is_over(peer, now)]
        old = _old_lives([peer for peer in gone if peer.is_service])
        oldest = gone[: max(len(gone) - _MOST_GONE, 0)]
        surplus = {peer.key for peer in (*oldest, *workers, *sure, *old)}
        for key in surplus:
            self._forget(key)
        self.folded += len(surplus)


def _old_lives(gone: Sequence[Peer]) -> list[Peer]:
    """All but the last few of each name; `gone` has who ended last last."""
    counts: Counter[str] = Counter()
    old = []
    for peer in reversed(gone):
        counts[peer.name] += 1
        if counts[peer.name] > _MOST_LIVES:
            old.append(peer)
    return old


def _is_over(peer: Peer, now: float) -> bool:
    return peer.ended is not None and now - peer.ended > _SETTLED


def _place(peer: Peer) -> tuple[bool, float, str, str, float]:
    """Where a row stands among others."""
    ended = -math.inf if peer.is_service or peer.ended is None else -peer.ended
    return (not peer.is_service, ended, peer.name.casefold(), peer.name, peer.since)


def exit_text(exit: int | None) -> str:
    """`exit 3`, `SIGKILL`, or that it is not known."""
    if exit is None:
        return "exit unknown"
    if exit >= 0:
        return f"exit {exit}"
    try:
        return signal.Signals(-exit).name
    except ValueError:
        return f"signal {-exit}"
