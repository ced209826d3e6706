"""`info`: everything about a bus, or about one of its services."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from ipcm._core.observation import Latency, Snapshot
from ipcm.bus import Bus
from ipcm.console.cells import (
    ms_text,
    plural,
    rate_text,
    size_text,
    span_text,
    when_text,
)
from ipcm.console.completion import complete_service
from ipcm.console.results import Column, Record, Section, Table
from ipcm.console.usage import Usage, UsageMeter
from ipcm.console.verb import Argument, Context, Verb
from ipcm.errors import UsageError

__all__ = ["VERB", "BusInfo", "ServiceInfo", "about_bus", "service_sections"]

_PATIENCE = 1.0


class BusInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A bus.

    Attributes:
        info: what `-b`, IPCM_BUS and `ipcm.connect` take, as they take the name.
        started: seconds since the epoch; age: seconds. guarded: it ends with its owner.
        services, clients: names.
    """

    name: str
    info: str
    transport: str
    serializer: str
    route: str
    started: float
    age: float
    owner_pid: int
    guarded: bool
    services: list[str]
    clients: list[str]


class ServiceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A service: its snapshot, and what its process takes.

    Attributes: cpu: percent of one CPU, since it started. rss: bytes.
    """

    bus: str
    cpu: float | None
    rss: int | None
    snapshot: Snapshot


def run(context: Context, service: str | None) -> Record:
    """See `VERB`."""
    bus = context.find_bus()
    return about_bus(bus) if service is None else _about_service(context, bus, service)


def about_bus(bus: Bus) -> Record:
    """A bus as a record; raises BusGone."""
    present = bus.presence()
    about = BusInfo(
        name=bus.name,
        info=bus.info,
        transport=bus.transport,
        serializer=bus.serializer,
        route=bus.route,
        started=bus.started,
        age=max(time.time() - bus.started, 0.0),
        owner_pid=bus.owner_pid,
        guarded=bus.guarded,
        services=[peer.name for peer in present if peer.kind == "service"],
        clients=[peer.name for peer in present if peer.kind == "client"],
    )
    pairs = [
        ("name", about.name),
        ("info", about.info),
        ("transport", about.transport),
        ("serializer", about.serializer),
        ("route", about.route),
        ("age", span_text(about.age)),
        ("owner", f"{about.owner_pid}" + (", and ends with it" if about.guarded else "")),
        ("services", ", ".join(about.services) or "-"),
        ("clients", ", ".join(about.clients) or "-"),
    ]
    return Record(about, [Section(pairs=pairs)])


def _about_service(context: Context, bus: Bus, service: str) -> Record:
    with bus.observe(messages=False) as observer:
        peer = observer.presence.get(service)
        if peer is not None and peer.kind != "service":
            how = f"`{context.call}ps` shows it"
            raise UsageError(f"{service!r} is a {peer.kind}, not a service: {how}")
        snapshot = observer.snapshot(service, context.timeout or _PATIENCE)
    usage = UsageMeter().measure(snapshot.pid, time.time() - snapshot.uptime)
    about = ServiceInfo(bus=bus.name, cpu=usage.cpu, rss=usage.rss, snapshot=snapshot)
    return Record(about, service_sections(bus.name, snapshot, usage))


def service_sections(bus: str, snapshot: Snapshot, usage: Usage) -> list[Section]:
    """A service as people read it.

    Args:
        bus: name of its bus, or "" where that is not known.
    """
    requests = snapshot.requests
    cpu = "-" if usage.cpu is None else f"{usage.cpu:.1f}%"
    pairs = [
        ("service", snapshot.name),
        *([("bus", bus)] if bus else []),
        ("pid", str(snapshot.pid)),
        ("incarnation", snapshot.incarnation),
        ("state", snapshot.state),
        ("uptime", span_text(snapshot.uptime)),
        ("interval", f"{snapshot.interval:g}s, cycle {snapshot.cycle:g}s"),
        ("turns", f"{snapshot.turns}, loop lag {ms_text(snapshot.loop_lag)}"),
        ("cpu, memory", f"{cpu}, {size_text(usage.rss)}"),
        ("peers", ", ".join(snapshot.peers) or "-"),
        (
            "requests",
            (
                f"{requests.received} in, {requests.sent} out, {requests.open} open, "
                f"{plural(requests.errors, 'error')}"
            ),
        ),
        ("signals", _signals(snapshot)),
        ("backlog", ", ".join(f"{k} {v}" for k, v in snapshot.backlog.items() if v) or "-"),
        ("drops", str(snapshot.drops)),
    ]
    sections = [Section(pairs=pairs)]
    for title, figures in (("endpoints", snapshot.endpoints), ("asked by", snapshot.clients)):
        if figures:
            sections.append(Section(title=title, table=_latencies(figures)))
    sections += _children(snapshot)
    if snapshot.errors:
        lines = [f"{when_text(each.when)} {each.where}: {each.error}" for each in snapshot.errors]
        sections.append(Section(title="last errors", text="\n".join(lines)))
    return sections


def _signals(snapshot: Snapshot) -> str:
    return (
        ", ".join(
            f"{name.removeprefix('SIG')} {count.received} (handled {count.handled})"
            for name, count in snapshot.signals.items()
        )
        or "-"
    )


def _latencies(figures: Mapping[str, Latency]) -> Table[Any]:
    columns: tuple[Column[tuple[str, Latency]], ...] = (
        Column("NAME", lambda row: row[0] or "(none)", shrink=True, style=lambda row: "name"),
        Column("COUNT", lambda row: str(row[1].count), right=True),
        Column("ERRORS", lambda row: str(row[1].errors), right=True),
        Column("REQ/S", lambda row: rate_text(row[1].rate), right=True, drop=1),
        Column("P50", lambda row: ms_text(row[1].p50), right=True, drop=2),
        Column("P95", lambda row: ms_text(row[1].p95), right=True),
        Column("P99", lambda row: ms_text(row[1].p99), right=True, drop=3),
    )
    return Table(tuple, list(figures.items()), columns)


def _children(snapshot: Snapshot) -> list[Section]:
    sections = []
    if snapshot.workers:
        lines = [f"{each.pid} {each.name}, {span_text(each.age)}" for each in snapshot.workers]
        sections.append(Section(title="workers", text="\n".join(lines)))
    ended = [(each.when, each.pid, each.name, each.exit) for each in snapshot.ended_workers]
    ended += [(each.when, each.pid, "child", each.exit) for each in snapshot.reaped]
    if ended:
        lines = [
            f"{when_text(when)} {pid} {name} exit {'unknown' if code is None else code}"
            for when, pid, name, code in sorted(ended, key=lambda each: each[0])
        ]
        title = f"ended, of {plural(snapshot.workers_started, 'worker')} started"
        sections.append(Section(title=title, text="\n".join(lines)))
    return sections


VERB = Verb(
    name="info",
    summary="Show all about a bus, or about one of its services",
    group="Look",
    run=run,
    result=ServiceInfo,
    arguments=(
        Argument("service", "A service; without one, the bus.", required=False,
                 complete=complete_service),
    ),
    examples=(("", "the bus"), ("store", "the service `store`, with every figure it keeps")),
    timeout=_PATIENCE,
)  # fmt: skip
