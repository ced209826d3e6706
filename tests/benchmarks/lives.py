"""Starting, closing, joining and leaving; a bus with many peers."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import ipcm
from ipcm._os.fork import fork
from ipcm._os.limits import raise_file_limit
from ipcm.console.bench.measure import SMALL, measure_round_trips
from ipcm.console.bench.subjects import Ipcm
from ipcm.role import launcher
from tests.benchmarks.figures import Effort, Figure

__all__ = ["measure"]

_clock = time.perf_counter
_IN_ONE_PROCESS = 250


def measure(effort: Effort) -> Iterator[Figure]:
    """All of them."""
    yield from _starts(effort)
    yield from _launches(effort)
    yield _closing(effort)
    yield from _many_peers(effort)


def _starts(effort: Effort) -> Iterator[Figure]:
    ours: list[float] = []
    theirs: list[float] = []
    with ipcm.spawn() as bus:
        for number in range(effort.starts):
            began = _clock()
            with ipcm.service(f"s{number}", ipcm.EchoService, bus=bus, start="fork") as handle:
                handle.request(SMALL)
                ours.append(_clock() - began)
            theirs.append(_start_process())
    yield Figure(
        name="service() to its first response, beside Process + Pipe",
        value=statistics.median(ours) * 1e3, base=statistics.median(theirs) * 1e3, unit="ms",
        target=1.5, bound="fork(2), and joining the bus: a claim of the name, a listener",
    )  # fmt: skip


def _launches(effort: Effort) -> Iterator[Figure]:
    def start(number: int) -> float:
        began = _clock()
        handle = ipcm.service(f"s{number}", ipcm.EchoService, bus=bus, start="launcher")
        took = _clock() - began
        handle.close()
        return took

    with ipcm.spawn() as bus:
        yield Figure(
            name="service() to ready, with the launcher's own start", value=start(0) * 1e3,
            unit="ms", bound="the start of an interpreter",
        )  # fmt: skip
        launcher.warm()
        try:
            spans = [start(number) for number in range(effort.starts + 1)][1:]
        finally:
            launcher.cool()
    yield Figure(
        name="service() to ready through the warm launcher", value=statistics.median(spans) * 1e3,
        unit="ms", target=30.0, bound="a fork of a small process, and joining the bus",
    )  # fmt: skip


def _start_process() -> float:
    began = _clock()
    near, far = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_echo, args=(far,))
    process.start()
    near.send(SMALL)
    near.recv()
    took = _clock() - began
    near.send(None)
    process.join()
    near.close()
    far.close()
    return took


def _echo(connection: Connection) -> None:
    while (content := connection.recv()) is not None:
        connection.send(content)


def _closing(effort: Effort) -> Figure:
    spans = []
    for _ in range(effort.starts):
        handle = ipcm.service("closing", ipcm.EchoService, start="fork")
        handle.request(SMALL)
        began = _clock()
        handle.close()
        spans.append(_clock() - began)
    return Figure(
        name="closing a handle that owns its bus", value=statistics.median(spans) * 1e3, unit="ms",
        target=20.0, bound="the ends of two processes, the service's and the registrar's",
    )  # fmt: skip


def _many_peers(effort: Effort) -> Iterator[Figure]:
    raise_file_limit()
    with contextlib.ExitStack() as stack:
        few, full = stack.enter_context(ipcm.spawn()), stack.enter_context(ipcm.spawn())
        stack.enter_context(_crowd(full, effort.peers))
        subjects = [Ipcm(few), Ipcm(full)]
        for subject in subjects:
            stack.callback(subject.close)
        alone, among = measure_round_trips(subjects, effort.requests, effort.rounds)
        yield Figure(
            name=f"round trip among {effort.peers:,} idle peers, beside 1",
            value=among.median * 1e6, base=alone.median * 1e6, unit="us", target=1.2,
            bound="nothing on the way of a message knows how many peers there are",
        )  # fmt: skip
        joins, leaves = _seen(full, effort.starts)
        for what, spans in (("joining", joins), ("leaving", leaves)):
            yield Figure(
                name=f"{what} seen among {effort.peers:,} peers",
                value=statistics.median(spans) * 1e3, unit="ms", target=50.0,
                bound="one word from the registrar to each who wants to know",
            )  # fmt: skip


@contextlib.contextmanager
def _crowd(bus: ipcm.Bus, count: int) -> Iterator[None]:
    """So many idle peers, in as few processes as their descriptors allow."""
    pids: list[int] = []
    ends: list[int] = []
    try:
        for first in range(0, count, _IN_ONE_PROCESS):
            names = [f"idle-{n}" for n in range(first, min(first + _IN_ONE_PROCESS, count))]
            told, tell = os.pipe()
            wait, end = os.pipe()

            def child(names: list[str] = names, tell: int = tell, wait: int = wait) -> None:
                for fd in ends:
                    os.close(fd)
                clients = [bus.connect(name) for name in names]
                os.write(tell, b"!")
                os.read(wait, 1)
                del clients

            ends.append(end)
            pids.append(fork(child))
            os.close(tell)
            os.close(wait)
            os.read(told, 1)
            os.close(told)
        yield
    finally:
        for fd in ends:
            os.close(fd)
        for pid in pids:
            os.waitpid(pid, 0)


def _seen(bus: ipcm.Bus, count: int) -> tuple[list[float], list[float]]:
    """Seconds until somebody who watches has seen a peer come, and go."""
    joins, leaves = [], []
    with bus.observe(messages=False) as watcher:
        for number in range(count):
            name = f"guest-{number}"
            began = _clock()
            guest = bus.connect(name)
            while name not in watcher.presence:
                watcher.poll(1.0)
            joins.append(_clock() - began)
            began = _clock()
            guest.disconnect()
            while name in watcher.presence:
                watcher.poll(1.0)
            leaves.append(_clock() - began)
    return joins, leaves
