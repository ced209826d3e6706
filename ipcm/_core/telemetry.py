"""What a service counts about itself: always on, cheap, and bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from ipcm._core.histogram import LogHistogram, RateMeter, bucket
from ipcm._core.observation import (
    CallbackError,
    EndedWorker,
    Latency,
    ReapedChild,
    RequestCounts,
    SignalCount,
)

__all__ = ["Meter", "Telemetry"]

_MOST_KEYS: Final = 64
_KEPT: Final = 100
OTHER: Final = "other"


class Meter:
    """Latency, rate and errors of one kind of request."""

    __slots__ = ("errors", "histogram", "rate")

    def __init__(self) -> None:
        self.histogram = LogHistogram()
        self.rate = RateMeter()
        self.errors = 0

    def add(self, now: float, index: int, failed: bool) -> None:
        """Counts one answer; `index` is the `bucket` of its latency."""
        self.histogram.add_to(index)
        self.rate.add(now)
        if failed:
            self.errors += 1

    def latency(self, now: float) -> Latency:
        """The figures."""
        p50, p95, p99 = self.histogram.percentiles(0.5, 0.95, 0.99)
        rate = self.rate.rate(now)
        return Latency(self.histogram.count, self.errors, rate, p50, p95, p99)


class Telemetry:
    """Counters of one service. Times are monotonic seconds but for `when`, the epoch's."""

    def __init__(self) -> None:
        self.turns = 0
        self.received = 0
        self.sent = 0
        self.failed = 0
        self.drops = 0
        self.loop_lag = 0.0
        self.workers_started = 0
        self.total = Meter()
        self.ended_workers: deque[EndedWorker] = deque(maxlen=_KEPT)
        self.reaped: deque[ReapedChild] = deque(maxlen=_KEPT)
        self.errors: deque[CallbackError] = deque(maxlen=_KEPT)
        self._endpoints: dict[str, Meter] = {}
        self._clients: dict[str, Meter] = {}
        self._signals: dict[str, list[int]] = {}

    def answered(
        self, now: float, seconds: float, endpoint: str, client: str, failed: bool
    ) -> None:
        """A request was answered."""
        index = bucket(seconds)
        self.total.add(now, index, failed)
        if failed:
            self.failed += 1
        if endpoint:
            _meter(self._endpoints, endpoint).add(now, index, failed)
        _meter(self._clients, client).add(now, index, failed)

    def signal_received(self, name: str, count: int) -> None:
        """The wakeup fd saw `count` deliveries."""
        self._signals.setdefault(name, [0, 0])[0] += count

    def signal_handled(self, name: str) -> None:
        """One of them was dispatched."""
        self._signals.setdefault(name, [0, 0])[1] += 1

    def signals(self) -> dict[str, SignalCount]:
        """Per signal name."""
        return {name: SignalCount(*counts) for name, counts in self._signals.items()}

    def requests(self, open: int) -> RequestCounts:
        """The totals; `open` is not counted here."""
        return RequestCounts(self.received, self.sent, open, self.failed)

    def endpoints(self, now: float) -> dict[str, Latency]:
        """Per endpoint."""
        return _latencies(self._endpoints, now)

    def clients(self, now: float) -> dict[str, Latency]:
        """Per asking peer."""
        return _latencies(self._clients, now)


def _meter(meters: dict[str, Meter], key: str) -> Meter:
    meter = meters.get(key)
    if meter is None:
        if len(meters) >= _MOST_KEYS:
            key = OTHER
        meter = meters.setdefault(key, Meter())
    return meter


def _latencies(meters: Mapping[str, Meter], now: float) -> dict[str, Any]:
    return {key: meter.latency(now) for key, meter in meters.items()}
