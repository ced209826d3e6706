"""CPU and memory, measured from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from types import SimpleNamespace

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from ipcm.console import usage as everywhere
from ipcm.observe import usage
from ipcm.observe.usage import Usage, UsageMeter
from tests._os.processes import sleeping
from tests.helpers import wait_until


@contextlib.contextmanager
def working() -> Iterator[int]:
    """A process that computes for as long as it is left to."""
    pid = os.fork()
    if pid == 0:
        while True:
            pass
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_as_others_measure_it() -> None:
    earliest = time.monotonic()
    with working() as pid:
        latest = time.monotonic()
        process = psutil.Process(pid)

        def look() -> tuple[float, float]:
            """Seconds on a CPU, and when."""
            times = process.cpu_times()
            return times.user + times.system, time.monotonic()

        wait_until(lambda: look()[0] >= 0.5)
        spent_before, before = look()
        taken = UsageMeter().measure(pid, time.time())
        spent_after, after = look()
        assert taken.rss is not None and abs(taken.rss - process.memory_info().rss) < 16 << 20
    # However long it took to look three times, the second lies between the others.
    low, high = 100 * spent_before / (after - earliest), 100 * spent_after / (before - latest)
    assert taken.cpu is not None and 0.95 * low < taken.cpu < 1.05 * high


def test_where_there_is_no_proc() -> None:
    meter = everywhere.UsageMeter()
    meter._elsewhere = True
    taken, other = meter.measure(os.getpid(), time.time()), UsageMeter()
    expected = other.measure(os.getpid(), time.time())
    assert taken.rss is not None and expected.rss is not None
    assert abs(taken.rss - expected.rss) < 16 << 20
    # A clock that was set makes no other process of one that was measured.
    assert meter.measure(os.getpid(), time.time() - 86400 * 365).rss is not None
    meter = everywhere.UsageMeter()
    meter._elsewhere = True
    assert meter.measure(os.getpid(), time.time() - 86400 * 365) == Usage()


def test_since_the_time_before() -> None:
    meter = UsageMeter()
    with sleeping() as idle:
        meter.measure(idle, time.time())
        meter.measure(os.getpid(), time.time())
        began, until = time.monotonic(), time.process_time() + 0.2
        while time.process_time() < until:
            pass
        busy, calm = meter.measure(os.getpid(), time.time()), meter.measure(idle, time.time())
        expected = 100 * 0.2 / (time.monotonic() - began)
    assert busy.cpu is not None and calm.cpu is not None
    # It has computed for 0.2 s, however long that took; the other one has come to its pause.
    assert calm.cpu < expected / 4 < busy.cpu


def test_asked_again_too_soon_for_the_ticks_it_is_what_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One tick in 20 ms would be half of a CPU, and none of it nothing."""
    tick = 1 / os.sysconf("SC_CLK_TCK")
    now, ticks = 100.0, 0

    def stat(pid: int) -> list[str]:
        return ["S", *["0"] * 10, str(ticks), *["0"] * 10]

    clock = SimpleNamespace(CLOCK_BOOTTIME=0, clock_gettime=lambda _: now, time=lambda: now)
    monkeypatch.setattr(usage, "read_stat", stat)
    monkeypatch.setattr(usage, "time", clock)
    meter = UsageMeter()
    assert meter.measure(7, now).cpu == 0.0
    now, ticks = now + 2 * tick, ticks + 1
    assert meter.measure(7, now).cpu == 0.0
    now, ticks = now + 18 * tick, ticks + 4
    assert meter.measure(7, now).cpu == pytest.approx(25.0), "since it was measured"
    now += tick
    assert meter.measure(7, now).cpu == pytest.approx(25.0)
    assert meter.measure(7, -3600.0).cpu == pytest.approx(25.0), "the clock was set"


def test_of_a_life_of_few_ticks_nothing_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    per_second = os.sysconf("SC_CLK_TCK")
    now, ticks = 100.0 + 5 / per_second, 3

    def stat(pid: int) -> list[str]:
        return ["S", *["0"] * 10, str(ticks), *["0"] * 7, str(100 * per_second), *["0"] * 2]

    clock = SimpleNamespace(CLOCK_BOOTTIME=0, clock_gettime=lambda _: now, time=lambda: now)
    monkeypatch.setattr(usage, "read_stat", stat)
    monkeypatch.setattr(usage, "time", clock)
    meter = UsageMeter()
    assert meter.measure(7, now).cpu is None
    now, ticks = 100.0 + 20 / per_second, 5
    assert meter.measure(7, now).cpu == pytest.approx(25.0), "of the whole life"


def test_of_one_that_is_gone_or_another_of_its_pid() -> None:
    meter = UsageMeter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    wait_until(lambda: meter.measure(pid, time.time()) == Usage())  # a zombie
    os.waitpid(pid, 0)
    assert meter.measure(pid, time.time()) == Usage()
    assert meter.measure(os.getpid(), time.time() - 86400 * 365) == Usage()
