"""The figures, each a median over rounds in which all subjects take turns."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ipcm.console.bench.subjects import Subject

__all__ = [
    "LARGE",
    "MEDIUM",
    "SMALL",
    "RoundTrips",
    "cpu_seconds",
    "measure_echo",
    "measure_pipelined",
    "measure_round_trips",
    "pinned",
]

SMALL: Final = {"op": "add", "args": [1, 2], "who": "bench"}
MEDIUM: Final = bytes(100 << 10)
LARGE: Final = bytes(1 << 20)
_WINDOW: Final = 100

_clock = time.perf_counter


class RoundTrips(msgspec.Struct, frozen=True):
    """Seconds for one small request, one at a time; cpu: both sides together, per request."""

    median: float
    p99: float
    cpu: float


def measure_round_trips(subjects: Sequence[Subject], count: int, rounds: int) -> list[RoundTrips]:
    """One small request at a time, `count` in a round."""
    spans: list[list[float]] = [[] for _ in subjects]
    cpus: list[list[float]] = [[] for _ in subjects]
    for _ in range(rounds):
        for subject, mine, cpu in zip(subjects, spans, cpus, strict=True):
            for _ in range(max(count // 10, 1)):  # the caches are the subject's own then
                subject.request(SMALL)
            before = cpu_seconds(subject.pid) + cpu_seconds()
            request = subject.request
            for _ in range(count):
                began = _clock()
                request(SMALL)
                mine.append(_clock() - began)
            cpu.append((cpu_seconds(subject.pid) + cpu_seconds() - before) / count)
    return [
        RoundTrips(statistics.median(mine), _percentile(mine, 0.99), statistics.median(cpu))
        for mine, cpu in zip(spans, cpus, strict=True)
    ]


def measure_pipelined(subjects: Sequence[Subject], count: int, rounds: int) -> list[float]:
    """Small requests per second, with up to 100 outstanding."""

    def run(subject: Subject) -> float:
        subject.pipeline(SMALL, _WINDOW, _WINDOW)
        began = _clock()
        subject.pipeline(SMALL, count, _WINDOW)
        return count / (_clock() - began)

    return _take_turns(subjects, rounds, run)


def measure_echo(
    subjects: Sequence[Subject], count: int, rounds: int, payload: bytes = LARGE
) -> list[float]:
    """Seconds for echoing a payload once."""

    def run(subject: Subject) -> float:
        subject.request(payload)
        began = _clock()
        for _ in range(count):
            subject.request(payload)
        return (_clock() - began) / count

    return _take_turns(subjects, rounds, run)


def _take_turns(
    subjects: Sequence[Subject], rounds: int, run: Callable[[Subject], float]
) -> list[float]:
    figures: list[list[float]] = [[] for _ in subjects]
    for _ in range(rounds):
        for subject, mine in zip(subjects, figures, strict=True):
            mine.append(run(subject))
    return [statistics.median(mine) for mine in figures]


def _percentile(values: Sequence[float], fraction: float) -> float:
    return sorted(values)[min(int(len(values) * fraction), len(values) - 1)]


def cpu_seconds(pid: int | None = None) -> float:
    """CPU that a process has used, all its threads (/proc/PID/task/TID/schedstat, proc(5))."""
    tasks = Path(f"/proc/{pid or os.getpid()}/task")
    total = 0
    for task in tasks.iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


@contextlib.contextmanager
def pinned(subjects: Sequence[Subject]) -> Iterator[None]:
    """In the block, this process and all servers share one CPU."""
    before = os.sched_getaffinity(0)
    one = {min(before)}
    pids = [0, *(subject.pid for subject in subjects)]
    for pid in pids:
        os.sched_setaffinity(pid, one)
    try:
        yield
    finally:
        for pid in pids:
            os.sched_setaffinity(pid, before)
