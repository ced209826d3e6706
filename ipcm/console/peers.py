"""The peers of a bus as rows: what `ps` and `top` show."""

from __future__ import annotations

import time
from typing import Literal, TypeAlias

import msgspec

from ipcm._core.observation import Snapshot
from ipcm._core.presence import PeerInfo
from ipcm.console.cells import (
    count_text,
    ms_text,
    percent_text,
    rate_text,
    size_text,
    span_text,
)
from ipcm.console.predicate_fields import fields_of
from ipcm.console.results import Column, Table
from ipcm.console.usage import UsageMeter
from ipcm.console.waiting import gather
from ipcm.observe.observer import Observer

__all__ = ["PEER_COLUMNS", "PEER_FIELDS", "PeerRow", "look", "peer_table"]

State: TypeAlias = Literal["starting", "running", "ending", "busy", "connected"]


class PeerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A peer. What only services have is None for others, and for those that do not answer.

    Attributes:
        kind: service or client.
        state: starting, running, ending; busy: it does not answer; connected: no service.
        busy: seconds without an answer, or None.
        uptime: seconds on the bus. cpu: percent of one CPU. rss: bytes.
        requests: received; answered: of these; errors: answered with an error.
        rate: answered per second, over the last ten seconds.
        p50, p95: seconds; None before the first answer.
        signals: deliveries of those it grabs.
        when: the moment of the look, since the epoch.
    """

    name: str
    kind: str
    pid: int
    state: State
    busy: float | None = None
    uptime: float
    cpu: float | None = None
    rss: int | None = None
    peers: int | None = None
    workers: int | None = None
    requests: int | None = None
    answered: int | None = None
    rate: float | None = None
    p50: float | None = None
    p95: float | None = None
    errors: int | None = None
    signals: int | None = None
    when: float


def _state(row: PeerRow) -> str:
    return f"busy {span_text(row.busy)}" if row.state == "busy" else row.state


def _state_style(row: PeerRow) -> str:
    return {"busy": "bad", "starting": "good", "running": "good", "ending": "bad"}.get(
        row.state, ""
    )


PEER_COLUMNS: tuple[Column[PeerRow], ...] = (
    Column("NAME", lambda row: row.name, shrink=True, style=lambda row: "name"),
    Column("KIND", lambda row: row.kind, drop=8),
    Column("PID", lambda row: str(row.pid), right=True, drop=2),
    Column("STATE", _state, style=_state_style),
    Column("UPTIME", lambda row: span_text(row.uptime), right=True, drop=5),
    Column("CPU", lambda row: percent_text(row.cpu), right=True, drop=3),
    Column("RSS", lambda row: size_text(row.rss), right=True, drop=4),
    Column("PEERS", lambda row: count_text(row.peers), right=True, drop=7),
    Column("WORKERS", lambda row: count_text(row.workers), right=True, drop=6),
    Column("REQS", lambda row: count_text(row.requests), right=True, drop=2),
    Column("REQ/S", lambda row: rate_text(row.rate), right=True, drop=1),
    Column("P50", lambda row: ms_text(row.p50), right=True, drop=3),
    Column("P95", lambda row: ms_text(row.p95), right=True, drop=1),
    Column(
        "ERRORS",
        lambda row: count_text(row.errors),
        right=True,
        drop=2,
        style=lambda row: "bad" if row.errors else "",
    ),
    Column("SIGNALS", lambda row: count_text(row.signals), right=True, drop=9),
)

PEER_FIELDS = fields_of(
    PeerRow, seconds=("busy", "uptime", "p50", "p95"), sizes=("rss",), shares=("cpu",)
)


def look(observer: Observer, meter: UsageMeter, patience: float) -> Table[PeerRow]:
    """Everybody on the bus now.

    Args:
        patience: seconds that services have to answer.

    Raises:
        BusGone.
    """
    asked = time.monotonic()

    gather(observer, lambda: observer.complete, patience)
    return peer_table(observer, meter, time.monotonic() - asked)


def peer_table(observer: Observer, meter: UsageMeter, waited: float) -> Table[PeerRow]:
    """Everybody on the bus, as far as the observer knows.

    Args:
        waited: seconds that services had to answer.
    """
    busy, now = observer.busy, time.time()
    # Services first, each kind in the order in which they came; not by their uptimes, which their
    # snapshots give for different moments.
    present = sorted(observer.presence.values(), key=lambda p: (p.kind != "service", p.since))
    rows = [
        _row(peer, observer.snapshots.get(peer.name), meter, busy.get(peer.name), waited, now)
        for peer in present
    ]
    return Table(PeerRow, rows, PEER_COLUMNS, empty="nobody is on the bus")


def _row(
    peer: PeerInfo,
    snapshot: Snapshot | None,
    meter: UsageMeter,
    busy: float | None,
    waited: float,
    now: float,
) -> PeerRow:
    uptime = max(now - peer.since, 0.0) if snapshot is None else snapshot.uptime
    # By the uptime that a service tells, where it does: a clock that was set since it came
    # makes that time of day another moment.
    usage = meter.measure(peer.pid, peer.since if snapshot is None else now - uptime)
    state: State = "connected"
    if peer.kind == "service":
        state = "running" if peer.ready else "starting"
        if busy is None and snapshot is None and peer.ready and uptime >= waited:
            busy = waited
        if busy is not None and peer.ready:
            state = "busy"
        elif snapshot is not None and snapshot.state == "ending":
            state = "ending"
    row = PeerRow(
        name=peer.name,
        kind=peer.kind,
        pid=peer.pid,
        state=state,
        busy=busy if state == "busy" else None,
        uptime=uptime,
        cpu=usage.cpu,
        rss=usage.rss,
        when=now,
    )
    if snapshot is None:
        return row
    return msgspec.structs.replace(
        row,
        peers=len(snapshot.peers),
        workers=len(snapshot.workers),
        requests=snapshot.requests.received,
        answered=snapshot.total.count,
        rate=snapshot.total.rate,
        p50=snapshot.total.p50 if snapshot.total.count else None,
        p95=snapshot.total.p95 if snapshot.total.count else None,
        errors=snapshot.requests.errors,
        signals=sum(count.received for count in snapshot.signals.values()),
    )
