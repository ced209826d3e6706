"""What it costs when nothing happens, before it starts, and while somebody watches."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import ipcm
from ipcm._os.fork import fork
from ipcm.console.bench.measure import SMALL, cpu_seconds
from ipcm.console.bench.subjects import Ipcm
from tests.benchmarks.figures import Effort, Figure

__all__ = ["measure"]

_IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
_WINDOW = 100


class _Collecting(ipcm.EchoService):
    def run_on_start(self) -> None:
        gc.collect()


def measure(effort: Effort) -> Iterator[Figure]:
    """All of them."""
    yield from _idle(effort)
    yield _imports(effort)
    yield from _watched(effort)


def _idle(effort: Effort) -> Iterator[Figure]:
    with ipcm.service("idle", _Collecting, start="fork") as handle:
        pid = handle.service_pid
        assert pid is not None  # it is ready
        yield Figure(
            name="private memory of a forked idle service",
            value=_private_bytes(pid) / (1 << 20), unit="MiB", target=4.0,
            bound="pages that reference counts touch, and buffers of its own",
        )  # fmt: skip
        before = cpu_seconds(pid)
        time.sleep(effort.idle)
        yield Figure(
            name=f"CPU of an idle service in {effort.idle:g} s",
            value=(cpu_seconds(pid) - before) * 1e3, unit="ms", target=2.0 * effort.idle / 10.0,
            bound="it sleeps until something happens",
        )  # fmt: skip


def _private_bytes(pid: int) -> int:
    """Memory that it shares with nobody (/proc/PID/smaps_rollup, proc(5))."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))


def _imports(effort: Effort) -> Figure:
    spans: dict[str, list[float]] = {"msgspec": [], "ipcm": []}
    for _ in range(effort.imports):
        for module, mine in spans.items():
            program = [sys.executable, "-c", _IMPORT.format(module)]
            mine.append(float(subprocess.run(program, capture_output=True, check=True).stdout))
    ours, theirs = (statistics.median(spans[module]) * 1e3 for module in ("ipcm", "msgspec"))
    return Figure(
        name="import ipcm, over import msgspec", value=ours - theirs, unit="ms", target=40.0,
        bound="names are imported when they are first used",
    )  # fmt: skip


def _watched(effort: Effort) -> Iterator[Figure]:
    """Pipelined rates in turns: nobody watches, somebody does, nobody does any more."""
    rates: dict[str, list[float]] = {"before": [], "watched": [], "after": []}
    with ipcm.spawn() as bus:
        subject = Ipcm(bus)
        try:
            for _ in range(effort.rounds):
                rates["before"].append(_rate(subject, effort))
                watcher = _start_watcher(bus)
                try:
                    rates["watched"].append(_rate(subject, effort))
                finally:
                    os.kill(watcher, SIGTERM)
                    os.waitpid(watcher, 0)
                subject.request(SMALL)
                rates["after"].append(_rate(subject, effort))
        finally:
            subject.close()
    before, watched, after = (statistics.median(each) for each in rates.values())
    yield Figure(
        name="pipelined with one observer of everything, beside none",
        value=watched, base=before, unit="/s", target=0.85, sense=">=",
        bound="2,000 events a second are told, the rest counted",
    )  # fmt: skip
    yield Figure(
        name="pipelined after the observer has left, beside before it came",
        value=after, base=before, unit="/s",
        bound="without observers an event is a comparison with None",
    )  # fmt: skip


def _rate(subject: Ipcm, effort: Effort) -> float:
    """Requests a second, over a while: an observer's budget for one may be spent at once."""
    subject.pipeline(SMALL, _WINDOW, _WINDOW)
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < effort.watched:
        subject.pipeline(SMALL, effort.requests, _WINDOW)
        count += effort.requests
    return count / took


def _start_watcher(bus: ipcm.Bus) -> int:
    """An observer in a process of its own, which is watching when this returns."""
    told, tell = os.pipe()

    def child() -> None:
        with bus.observe() as observer:
            while not observer.snapshots:
                observer.poll(1.0)
            os.write(tell, b"!")
            while True:
                observer.poll(None)

    pid = fork(child)
    os.close(tell)
    os.read(told, 1)
    os.close(told)
    return pid
