"""`bench`: how fast it is on this machine, beside what one would use instead."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import msgspec

from ipcm._os.interrupt import shielded
from ipcm.bus import spawn
from ipcm.console.bench.measure import (
    measure_echo,
    measure_pipelined,
    measure_round_trips,
    pinned,
)
from ipcm.console.bench.subjects import Ipcm, MultiprocessingConnection, RawSocket, Subject
from ipcm.console.cells import ms_text, plural, rate_text
from ipcm.console.results import Column, Table
from ipcm.console.verb import Context, Option, Verb

__all__ = ["VERB", "BenchRow"]

_ECHOES = 5


class BenchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of one system.

    Attributes:
        figure: "round trip": seconds for one small request at a time; "pipelined": small requests
            per second, 100 outstanding; "1 MiB echo": seconds.
        value: the median over rounds in which all systems take turns.
        p99: seconds. cpu: seconds of both sides together, per request.
        speed: how many times as fast as multiprocessing.Connection in the same run.
    """

    figure: str
    system: str
    value: float
    unit: str
    p99: float | None = None
    cpu: float | None = None
    speed: float


def _value(row: BenchRow) -> str:
    return f"{rate_text(row.value)}/s" if row.unit == "1/s" else ms_text(row.value)


_COLUMNS: tuple[Column[BenchRow], ...] = (
    Column("FIGURE", lambda row: row.figure),
    Column("SYSTEM", lambda row: row.system, style=lambda row: "name"),
    Column("MEDIAN", _value, right=True),
    Column("P99", lambda row: ms_text(row.p99), right=True, drop=2),
    Column("CPU", lambda row: ms_text(row.cpu), right=True, drop=1),
    Column("SPEED", lambda row: f"x{row.speed:.2f}", right=True),
)


def run(context: Context, count: int, rounds: int, one_cpu: bool) -> Table[BenchRow]:
    """See `VERB`."""
    where = "one CPU" if one_cpu else "all CPUs"
    context.narrate(f"{plural(rounds, 'round')} of {plural(count, 'request')} each, on {where}")
    with (
        shielded(_subjects()) as subjects,
        pinned(subjects) if one_cpu else contextlib.nullcontext(),
    ):
        rows = _measure(subjects, count, rounds)
    return Table(BenchRow, rows, _COLUMNS)


@contextlib.contextmanager
def _subjects() -> Iterator[list[Subject]]:
    """Everything in one go: where one does not start, none is left."""
    with contextlib.ExitStack() as stack:
        bus = stack.enter_context(spawn())
        made: list[Subject] = []
        for make in (
            RawSocket,
            MultiprocessingConnection,
            lambda: Ipcm(bus),
            lambda: Ipcm(bus, spin=False),
            lambda: Ipcm(bus, batch=True),
        ):
            made.append(make())
            stack.callback(made[-1].close)
        yield made


def _measure(subjects: Sequence[Subject], count: int, rounds: int) -> list[BenchRow]:
    *single, batched = subjects
    _, connection, *_ = single
    rows = []
    trips = measure_round_trips(single, count, rounds)
    base = trips[single.index(connection)].median
    for subject, trip in zip(single, trips, strict=True):
        rows.append(
            BenchRow(
                figure="round trip", system=subject.name, value=trip.median, unit="s",
                p99=trip.p99, cpu=trip.cpu, speed=base / trip.median,
            )
        )  # fmt: skip
    piped = [connection, *single[2:], batched]
    rates = measure_pipelined(piped, count, rounds)
    for subject, rate in zip(piped, rates, strict=True):
        rows.append(
            BenchRow(
                figure="pipelined", system=subject.name, value=rate, unit="1/s",
                speed=rate / rates[0],
            )
        )  # fmt: skip
    spans = measure_echo(single[:3], _ECHOES, rounds)
    for subject, span in zip(single, spans, strict=False):
        rows.append(
            BenchRow(
                figure="1 MiB echo", system=subject.name, value=span, unit="s",
                speed=spans[1] / span,
            )
        )  # fmt: skip
    return rows


VERB = Verb(
    name="bench",
    summary="Measure how fast it is on this machine, beside what one would use instead",
    group="Run",
    run=run,
    result=BenchRow,
    options=(
        Option(
            "count", ("-n", "--count"), "Requests in a round.", int, 500, minimum=1, metavar="N"
        ),
        Option(
            "rounds",
            ("--rounds",),
            "In which all systems take turns.",
            int,
            5,
            minimum=1,
            metavar="N",
        ),
        Option("one_cpu", ("--one-cpu",), "All processes share one CPU.", bool, False),
    ),
    doc=(
        "A raw socket with msgspec is the floor, multiprocessing.Connection what the standard "
        "library has; both only echo, while ipcm is the whole stack, from a handle to a service "
        "and back. It runs on a bus of its own."
    ),
    examples=(("", "a few seconds"), ("--one-cpu -o json", "pinned, as one JSON document")),
    on_bus=False,
)
