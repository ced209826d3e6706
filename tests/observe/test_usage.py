"""CPU and memory, measured from outside."""

from __future__ import annotations

import os
import time

import psutil  # type: ignore[import-untyped,unused-ignore]

from ipcm.console import usage as everywhere
from ipcm.observe.usage import Usage, UsageMeter
from tests._os.processes import sleeping
from tests.helpers import wait_until


def test_as_others_measure_it() -> None:
    usage = UsageMeter().measure(os.getpid(), time.time())
    process = psutil.Process()
    assert usage.rss is not None and abs(usage.rss - process.memory_info().rss) < 16 << 20
    times = process.cpu_times()
    average = 100 * (times.user + times.system) / (time.time() - process.create_time())
    assert usage.cpu is not None and abs(usage.cpu - average) < max(0.3 * average, 2.0)


def test_where_there_is_no_proc() -> None:
    meter = everywhere.UsageMeter()
    meter._elsewhere = True
    usage, other = meter.measure(os.getpid(), time.time()), UsageMeter()
    expected = other.measure(os.getpid(), time.time())
    assert usage.rss is not None and expected.rss is not None
    assert abs(usage.rss - expected.rss) < 16 << 20
    assert meter.measure(os.getpid(), time.time() - 86400 * 365) == Usage()


def test_since_the_time_before() -> None:
    meter = UsageMeter()
    with sleeping() as idle:
        meter.measure(idle, time.time())
        meter.measure(os.getpid(), time.time())
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
        busy, calm = meter.measure(os.getpid(), time.time()), meter.measure(idle, time.time())
    assert busy.cpu is not None and calm.cpu is not None
    assert calm.cpu < 5 < busy.cpu


def test_of_one_that_is_gone_or_another_of_its_pid() -> None:
    meter = UsageMeter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    wait_until(lambda: meter.measure(pid, time.time()) == Usage())  # a zombie
    os.waitpid(pid, 0)
    assert meter.measure(pid, time.time()) == Usage()
    assert meter.measure(os.getpid(), time.time() - 86400 * 365) == Usage()
