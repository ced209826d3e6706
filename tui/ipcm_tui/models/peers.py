"""Who is on the bus, and who was a moment ago: one row per life of a name."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ipcm._core.observation import Snapshot, TerminatedEvent
from ipcm._core.registry import PeerInfo

__all__ = ["HISTORY", "Peer", "PeerKey", "Peers", "RateHistory"]

HISTORY: Final = 60
"""Seconds of request rate that are kept."""

_KEEP_SERVICE: Final = 60.0
_KEEP_CLIENT: Final = 5.0
_MOST_GONE: Final = 50


class PeerKey(NamedTuple):
    """One life of a name."""

    name: str
    incarnation: str

    @property
    def text(self) -> str:
        """As one string; names contain no NUL."""
        return f"{self.name}\0{self.incarnation}"


class RateHistory:
    """Requests answered in each second, as far as snapshots tell."""

    __slots__ = ("_count", "_uptime", "values")

    def __init__(self) -> None:
        self.values: deque[float] = deque(maxlen=HISTORY)
        self._uptime = -1.0
        self._count = 0

    def add(self, uptime: float, count: int) -> None:
        """`count` requests were answered in the first `uptime` seconds of the service."""
        span = uptime - self._uptime
        if self._uptime >= 0:
            if span < 0.9:
                return  # twice a second is too often for a figure per second
            self.values.append(max(count - self._count, 0) / span)
        self._uptime, self._count = uptime, count


@dataclasses.dataclass(slots=True)
class Peer:
    """One life of a name.

    Attributes:
        kind: "service" or "client".
        state: "starting", "up", "busy", "ending" or "gone".
        since: when it joined, seconds since the epoch. ended: when it left, or None.
        busy_for: seconds without an answer, 0 where it answers.
        how: how it ended, as far as it is known; "" before.
        in_order: it said that it would end, before it left.
    """

    key: PeerKey
    pid: int
    kind: str
    since: float
    state: str = "starting"
    ended: float | None = None
    busy_for: float = 0.0
    how: str = ""
    in_order: bool = False
    snapshot: Snapshot | None = None
    history: RateHistory = dataclasses.field(default_factory=RateHistory)

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

    def uptime(self, now: float) -> float:
        """Seconds since it joined, or that it was there; `now` in seconds since the epoch."""
        return max((now if self.ended is None else self.ended) - self.since, 0.0)

    def signal_count(self) -> int:
        """Signals received, all kinds."""
        snapshot = self.snapshot
        return sum(s.received for s in snapshot.signals.values()) if snapshot else 0

    def error_count(self) -> int:
        """Requests answered with an error, and exceptions of other callbacks."""
        snapshot = self.snapshot
        if snapshot is None:
            return 0
        # A handler that raised is counted with its request already.
        others = sum(error.where != "handle_request" for error in snapshot.errors)
        return snapshot.requests.errors + others


class Peers:
    """The rows, live and gone, services first."""

    def __init__(self) -> None:
        self._peers: dict[PeerKey, Peer] = {}
        self._live: dict[str, PeerKey] = {}
        self._endings: dict[PeerKey, Any] = {}

    def __len__(self) -> int:
        return len(self._peers)

    def get(self, key: PeerKey | None) -> Peer | None:
        """The row, live or gone."""
        return None if key is None else self._peers.get(key)

    def live(self, name: str) -> Peer | None:
        """The present life of a name."""
        return self.get(self._live.get(name))

    def in_order(self) -> list[Peer]:
        """Services by name, then plain clients by name; older lives first."""
        return sorted(
            self._peers.values(),
            key=lambda peer: (not peer.is_service, peer.name.casefold(), peer.name, peer.since),
        )

    def names(self, *, services: bool = False) -> list[str]:
        """Names of those who are there, services first."""
        return [
            peer.name
            for peer in self.in_order()
            if not peer.is_gone and (peer.is_service or not services)
        ]

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

    def note_end(self, event: TerminatedEvent) -> None:
        """A service said that it leaves its loop; its departure is told separately."""
        peer = self.live(event.service)
        if peer is not None:
            self._endings[peer.key] = event.value
            peer.state = "ending"

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
        for name, key in list(self._live.items()):
            info = presence.get(name)
            if info is None or info.incarnation != key.incarnation:
                del self._live[name]
                self._bury(self._peers[key], now)
        for info in presence.values():
            key = PeerKey(info.name, info.incarnation)
            peer = self._peers.get(key)
            if peer is None:
                peer = Peer(key, info.pid, info.kind, info.since)
                self._peers[key] = peer
            self._live[info.name] = key
            self._refresh(peer, info, snapshots.get(info.name), busy.get(info.name, 0.0))
        self._clear(now)

    def _refresh(
        self, peer: Peer, info: PeerInfo, snapshot: Snapshot | None, busy_for: float
    ) -> None:
        if snapshot is not None and snapshot.incarnation == info.incarnation:
            if snapshot is not peer.snapshot:
                peer.history.add(snapshot.uptime, snapshot.total.count)
            peer.snapshot = snapshot
        peer.busy_for = busy_for
        if peer.key in self._endings or (peer.snapshot and peer.snapshot.state == "ending"):
            peer.state = "ending"
        elif busy_for > 0:
            peer.state = "busy"
        elif not info.ready:
            peer.state = "starting"
        else:
            peer.state = "up"

    def _bury(self, peer: Peer, now: float) -> None:
        peer.ended, peer.state, peer.busy_for = now, "gone", 0.0
        if peer.key in self._endings:
            value = self._endings.pop(peer.key)
            peer.in_order = True
            peer.how = "ended in order" + (f" with {value!r}" if value not in (0, None) else "")
        elif peer.is_service:
            peer.how = "left without a word: killed, or it crashed"
        else:
            peer.how = "left"

    def _clear(self, now: float) -> None:
        gone = [peer for peer in self._peers.values() if peer.ended is not None]
        gone.sort(key=lambda peer: peer.ended or 0.0)
        surplus = len(gone) - _MOST_GONE
        for index, peer in enumerate(gone):
            keep = _KEEP_SERVICE if peer.is_service else _KEEP_CLIENT
            if index < surplus or now - (peer.ended or now) > keep:
                del self._peers[peer.key]
