"""`ls`: the buses of this user."""

from __future__ import annotations

import time

import msgspec

from ipcm.bus import Bus, buses, find_bus
from ipcm.console.cells import span_text
from ipcm.console.predicate_fields import fields_of
from ipcm.console.results import Column, Failure, Table
from ipcm.console.selecting import Selection, filter_option, sort_option
from ipcm.console.verb import Context, Verb
from ipcm.errors import BusGone
from ipcm.transports.runtime import check_home

__all__ = ["VERB", "BusRow"]


class BusRow(msgspec.Struct, frozen=True, kw_only=True):
    """A live bus.

    Attributes:
        started: seconds since the epoch; age: seconds. owner_pid: the process that spawned it.
        peers: how many are on it, services included. services: how many of these are.
    """

    name: str
    transport: str
    serializer: str
    route: str
    started: float
    age: float
    owner_pid: int
    peers: int
    services: int


_COLUMNS: tuple[Column[BusRow], ...] = (
    Column("BUS", lambda row: row.name, shrink=True, style=lambda row: "name"),
    Column("TRANSPORT", lambda row: row.transport, drop=3),
    Column("AGE", lambda row: span_text(row.age), right=True),
    Column("OWNER", lambda row: str(row.owner_pid), right=True, drop=2),
    Column("PEERS", lambda row: str(row.peers), right=True, drop=1),
    Column("SERVICES", lambda row: str(row.services), right=True),
)


_FIELDS = fields_of(BusRow, seconds=("age",))


def run(context: Context, filter: str | None, sort: str | None) -> Table[BusRow]:
    """See `VERB`."""
    selection = Selection(_FIELDS, filter, sort)
    # IPCM_BUS says which bus to act on, and hides none here; only -b does.
    found = buses() if context.bus is None else [context.find_bus()]
    if not found:
        check_home()
    rows, failures = [], []
    for bus in found:
        try:
            rows.append(_row(bus))
        except BusGone as error:
            if _lives(bus):  # else it ended while we looked
                failures.append(Failure(bus.name, error))
    empty = "" if failures else "no bus is running"
    return selection(Table(BusRow, rows, _COLUMNS, empty, failures))


def _lives(bus: Bus) -> bool:
    try:
        find_bus(bus.info)
    except BusGone:
        return False
    return True


def _row(bus: Bus) -> BusRow:
    present = [peer for peer in bus.presence() if peer.kind != "observer"]
    return BusRow(
        name=bus.name,
        transport=bus.transport,
        serializer=bus.serializer,
        route=bus.route,
        started=bus.started,
        age=max(time.time() - bus.started, 0.0),
        owner_pid=bus.owner_pid,
        peers=len(present),
        services=sum(peer.kind == "service" for peer in present),
    )


VERB = Verb(
    name="ls",
    summary="List the buses of this user",
    group="Look",
    run=run,
    result=BusRow,
    options=(filter_option("age>1h services=0", _FIELDS), sort_option(_FIELDS)),
    examples=(("", "all of them"), ("-o json", "the same as one JSON document")),
)
