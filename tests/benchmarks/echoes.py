"""Requests and answers: round trips, pipelines, larger payloads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import ipcm
from ipcm.console.bench.measure import (
    MEDIUM,
    measure_echo,
    measure_pipelined,
    measure_round_trips,
    pinned,
)
from ipcm.console.bench.subjects import Ipcm, MultiprocessingConnection, RawSocket, Subject
from tests.benchmarks.figures import Effort, Figure
from tests.benchmarks.zeromq import ZeroMQ

__all__ = ["measure"]


def measure(effort: Effort) -> Iterator[Figure]:
    """All of them, with processes anywhere and on one CPU."""
    with contextlib.ExitStack() as stack:
        bus = stack.enter_context(ipcm.spawn())

        def started(subject: Subject) -> Subject:
            stack.callback(subject.close)
            return subject

        raw, connection = started(RawSocket()), started(MultiprocessingConnection())
        zeromq = started(ZeroMQ())
        plain, still = started(Ipcm(bus)), started(Ipcm(bus, spin=False))
        batched = started(Ipcm(bus, batch=True))
        everybody = [raw, connection, zeromq, plain, still, batched]
        for where in ("unpinned", "one CPU"):
            with pinned(everybody) if where == "one CPU" else contextlib.nullcontext():
                yield from _round_trips([raw, connection, plain, still], where, effort)
                yield from _pipelines([connection, zeromq, plain, batched], where, effort)
        seconds = measure_echo([connection, plain], effort.echoes, effort.rounds, MEDIUM)
        yield Figure(
            name="100 KiB echoed, beside mp.Connection", value=seconds[1] * 1e6,
            base=seconds[0] * 1e6, unit="us",
        )  # fmt: skip
        seconds = measure_echo([connection, plain], effort.echoes, effort.rounds)
        rates = [1 / each for each in seconds]
        yield Figure(
            name="1 MiB echoed, beside mp.Connection", value=rates[1], base=rates[0], unit="MiB/s",
            target=1.0, sense=">=", bound="copies between kernel and user space, both ways",
        )  # fmt: skip


def _round_trips(subjects: list[Subject], where: str, effort: Effort) -> Iterator[Figure]:
    raw, connection, plain, still = measure_round_trips(subjects, effort.requests, effort.rounds)
    us = 1e6
    yield Figure(
        name=f"round trip, {where}, beside mp.Connection",
        value=plain.median * us, base=connection.median * us, unit="us", target=0.6,
        bound="the interpreter, three quarters of it; system calls",
    )  # fmt: skip
    yield Figure(
        name=f"round trip, {where}, beside a raw socket",
        value=plain.median * us, base=raw.median * us, unit="us",
    )  # fmt: skip
    yield Figure(
        name=f"round trip, {where}, no spinning, beside mp.Connection",
        value=still.median * us, base=connection.median * us, unit="us",
        bound="two wake-ups of a sleeping process",
    )  # fmt: skip
    yield Figure(
        name=f"round trip, {where}, p99, beside mp.Connection",
        value=plain.p99 * us, base=connection.p99 * us, unit="us",
    )  # fmt: skip
    yield Figure(
        name=f"CPU of a round trip, {where}, beside mp.Connection",
        value=plain.cpu * us, base=connection.cpu * us, unit="us", target=1.0,
        bound="the interpreter, on both sides",
    )  # fmt: skip


def _pipelines(subjects: list[Subject], where: str, effort: Effort) -> Iterator[Figure]:
    connection, zeromq, plain, batched = measure_pipelined(subjects, effort.requests, effort.rounds)
    for name, base in (("mp.Connection", connection), ("pyzmq", zeromq)):
        for how, value, target in (("at once", plain, 2.0), ("batch()", batched, 3.0)):
            yield Figure(
                name=f"pipelined, {how}, {where}, beside {name}", value=value, base=base,
                unit="/s", target=target, sense=">=", bound="the interpreter, on the busier side",
            )  # fmt: skip
