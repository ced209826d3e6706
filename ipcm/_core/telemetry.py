"""What a service counts about itself: always on, cheap, and bounded."""

from __future__ import annotations

from bisect import bisect
from collections import Counter, deque
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from ipcm._core.histogram import EDGES, LogHistogram
from ipcm._core.observation import (
    Call,
    CallbackError,
    EndedWorker,
    Latency,
    PeerChange,
    ReapedChild,
    RequestCounts,
    SignalCount,
)
from ipcm._core.recent import SLOTS, Peak, RateMeter

__all__ = ["Meter", "Telemetry"]

_MOST_KEYS: Final = 64
_KEPT: Final = 100
_KEPT_ERRORS: Final = 20
_FOLDED: Final = 256
OTHER: Final = "other"

K = TypeVar("K")

_Answer: TypeAlias = tuple[int, int, str, str, bool]
"""Slot of a second it was given in, place in `EDGES`, endpoint, who asked, whether it failed."""


class Meter:
    """Latency, rate and errors of one kind of request."""

    __slots__ = ("errors", "histogram", "rate")

    def __init__(self) -> None:
        self.histogram = LogHistogram()
        self.rate = RateMeter()
        self.errors = 0

    def add(self, now: float, index: int, failed: bool, count: int) -> None:
        """Counts answers; `index` is where in `EDGES` their latency is."""
        self.histogram.add_to(index, count)
        self.rate.add(now, count)
        if failed:
            self.errors += count

    def latency(self, now: float) -> Latency:
        """The figures."""
        return _latency(self.histogram, self.errors, self.rate.rate(now))


class Meters(Generic[K]):
    """A meter per key: of the first 64 keys, and one of all others."""

    __slots__ = ("_meters", "_other")

    def __init__(self, other: K) -> None:
        self._meters: dict[K, Meter] = {}
        self._other = other

    def add(self, key: K, now: float, index: int, failed: bool, count: int) -> None:
        """Counts answers."""
        meter = self._meters.get(key)
        if meter is None:
            if len(self._meters) >= _MOST_KEYS:
                key = self._other
            meter = self._meters.setdefault(key, Meter())
        meter.add(now, index, failed, count)

    def latencies(self, now: float) -> dict[K, Latency]:
        """The figures per key."""
        return {key: meter.latency(now) for key, meter in self._meters.items()}

    def total(self, now: float) -> Latency:
        """The figures of all together."""
        histogram, errors, rate = LogHistogram(), 0, 0.0
        for meter in self._meters.values():
            histogram.merge(meter.histogram)
            errors += meter.errors
            rate += meter.rate.rate(now)
        return _latency(histogram, errors, rate)


class Telemetry:
    """Counters of one service. Times are monotonic seconds but for `when`, the epoch's."""

    def __init__(self) -> None:
        self.turns = 0
        self.received = 0
        self.sent = 0
        self.drops = 0
        self.loop_lag = 0.0
        self.worst_lag = Peak()
        self.workers_started = 0
        self.deltas: deque[PeerChange] = deque(maxlen=_KEPT)
        self.ended_workers: deque[EndedWorker] = deque(maxlen=_KEPT)
        self.reaped: deque[ReapedChild] = deque(maxlen=_KEPT)
        self.errors: deque[CallbackError] = deque(maxlen=_KEPT_ERRORS)
        self._endpoints: Meters[str] = Meters(OTHER)
        self._clients: Meters[str] = Meters(OTHER)
        self._calls: Meters[tuple[str, str]] = Meters((OTHER, OTHER))
        self._signals: dict[str, SignalCount] = {}
        self._failed = 0
        self._answers: list[_Answer] = []

    def turned(self, now: float, lag: float) -> None:
        """A turn of the loop is over, and others waited for it as long as that."""
        self.turns += 1
        self.loop_lag = lag
        self.worst_lag.add(now, lag)

    def answered(
        self, now: float, seconds: float, endpoint: str, client: str, failed: bool
    ) -> None:
        """A request was answered."""
        answers = self._answers
        answers.append((int(now * SLOTS), bisect(EDGES, seconds), endpoint, client, failed))
        if len(answers) >= _FOLDED:
            self._fold()

    def _fold(self) -> None:
        """Sums up the answers noted since the last time.

        Most of some hundred answers are of a few kinds, so that a note and its share of this
        cost a fraction of what three meters would for each of them.
        """
        answers, self._answers = self._answers, []
        # A Counter keeps the order of their time: a rate knows no way back.
        for (slot, index, endpoint, client, failed), count in Counter(answers).items():
            when = slot / SLOTS
            if failed:
                self._failed += count
            self._clients.add(client, when, index, failed, count)
            if endpoint:
                self._endpoints.add(endpoint, when, index, failed, count)
                self._calls.add((endpoint, client), when, index, failed, count)

    @property
    def failed(self) -> int:
        """Requests answered with an error."""
        self._fold()
        return self._failed

    def signal_received(self, name: str, count: int, when: float) -> None:
        """The wakeup fd saw `count` deliveries."""
        before = self._signals.get(name, SignalCount())
        self._signals[name] = SignalCount(before.received + count, before.handled, when)

    def signal_handled(self, name: str, count: int = 1) -> None:
        """So many of them were dispatched."""
        before = self._signals.get(name, SignalCount())
        self._signals[name] = SignalCount(before.received, before.handled + count, before.last)

    def signals(self) -> dict[str, SignalCount]:
        """Per signal name."""
        return dict(self._signals)

    def requests(self, open: int, awaited: int, oldest: float) -> RequestCounts:
        """The totals, with what is not counted here."""
        return RequestCounts(self.received, self.sent, open, self.failed, awaited, oldest)

    def total(self, now: float) -> Latency:
        """Of all answered requests."""
        self._fold()
        return self._clients.total(now)

    def endpoints(self, now: float) -> dict[str, Latency]:
        """Per endpoint."""
        self._fold()
        return self._endpoints.latencies(now)

    def clients(self, now: float) -> dict[str, Latency]:
        """Per asking peer."""
        self._fold()
        return self._clients.latencies(now)

    def calls(self, now: float) -> list[Call]:
        """Per endpoint and asking peer."""
        self._fold()
        return [
            Call(**msgspec.structs.asdict(latency), endpoint=endpoint, peer=peer)
            for (endpoint, peer), latency in self._calls.latencies(now).items()
        ]


def _latency(histogram: LogHistogram, errors: int, rate: float) -> Latency:
    p50, p95, p99 = histogram.percentiles(0.5, 0.95, 0.99)
    return Latency(histogram.count, errors, rate, p50, p95, p99)
