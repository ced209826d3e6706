"""What the tabs about one service show, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from ipcm._core.observation import Latency, Snapshot
from ipcm.console.live import EndpointDescription
from ipcm.console.usage import Usage
from ipcm_tui.models.cells import Cell, route_name
from ipcm_tui.models.columns import Column
from ipcm_tui.models.formatting import (
    NOTHING,
    format_clock,
    format_count,
    format_duration,
    format_latency,
    format_percent,
    format_rate,
    format_size,
    printable,
)
from ipcm_tui.models.grid import Grid
from ipcm_tui.models.peers import Peer, exit_text

__all__ = [
    "delta_grid",
    "endpoint_grid",
    "error_grid",
    "peer_grid",
    "signal_grid",
    "worker_grid",
]

Cells = Mapping[str, Cell]

WORKERS: Final = (
    Column("state", "state", 10),
    Column("pid", "pid", 7, right=True, rank=1),
    Column("name", "name", 12, 40),
    Column("age", "age", 6, right=True, rank=2),
    Column("cpu", "cpu", 5, right=True, rank=3),
    Column("rss", "mem", 5, right=True, rank=3),
    Column("when", "ended at", 8, rank=4),
    Column("exit", "exit", 9, 30),
)
SIGNALS: Final = (
    Column("signal", "signal", 10),
    Column("received", "received", 8, right=True),
    Column("handled", "handled", 8, right=True),
    Column("last", "last", 8, 12, rank=1),
    Column("note", "", 10, 60, rank=2),
)
PEERS: Final = (
    Column("peer", "peer", 12, 40),
    Column("there", "state", 9),
    Column("backlog", "backlog", 7, right=True),
    Column("sent", "sent", 7, right=True, rank=1),
    Column("read", "read", 7, right=True, rank=1),
    Column("asked", "requests", 8, right=True, rank=2),
    Column("rate", "req/s", 5, right=True, rank=3),
    Column("p95", "p95", 5, right=True, rank=3),
    Column("errors", "err", 3, 5, right=True, rank=4),
)
DELTAS: Final = (
    Column("when", "time", 8),
    Column("change", "", 2),
    Column("peer", "peer", 12, 40),
    Column("what", "", 6),
)
ERRORS: Final = (
    Column("when", "time", 8),
    Column("where", "where", 16, 30, rank=1),
    Column("error", "error", 20, 200),
)
ENDPOINTS: Final = (
    Column("name", "endpoint", 12, 24),
    Column("count", "count", 6, right=True),
    Column("rate", "req/s", 5, right=True),
    Column("p50", "p50", 5, right=True, rank=1),
    Column("p95", "p95", 5, right=True),
    Column("p99", "p99", 5, right=True, rank=3),
    Column("errors", "err", 3, 5, right=True),
    Column("signature", "signature and documentation", 20, 160, rank=2),
)


def _grid(
    columns: tuple[Column, ...],
    rows: Sequence[tuple[Any, Cells]],
    hint: str,
) -> Grid[Any]:
    cells: dict[Any, Cells] = dict(rows)
    nothing: Cell = ("", "plain")
    keys = tuple(key for key, _ in rows)

    def cell(key: Any, column: str, width: int) -> Cell:
        del width
        return cells[key].get(column, nothing)

    shown = tuple(tuple(each.items()) for each in cells.values())
    return Grid(columns, keys, cell, hints=(hint,), version=shown)


def worker_grid(
    snapshot: Snapshot | None,
    usage: Callable[[int], Usage],
    zone: tzinfo | None = None,
) -> Grid[Any]:
    """The live ones, then those that ended, the last first.

    Args:
        usage: what a process takes now.
    """
    rows: list[tuple[Any, Cells]] = []
    for worker in snapshot.workers if snapshot is not None else ():
        cpu, rss = usage(worker.pid)
        rows.append((("live", worker.pid), {
            "state": ("● running", "good"),
            "pid": (str(worker.pid), "plain"),
            "name": (printable(worker.name), "strong"),
            "age": (format_duration(worker.age), "plain"),
            "cpu": (format_percent(cpu), "plain"),
            "rss": (NOTHING if rss is None else format_size(rss), "plain"),
        }))  # fmt: skip
    for ended in reversed(snapshot.ended_workers if snapshot is not None else ()):
        failed = ended.exit != 0
        rows.append((("ended", ended.pid, ended.when), {
            "state": ("✗ failed" if failed else "✓ ended", "bad" if failed else "dim"),
            "pid": (str(ended.pid), "dim"),
            "name": (printable(ended.name), "dim"),
            "when": (_time(ended.when, zone), "dim"),
            "exit": (exit_text(ended.exit), "bad" if failed else "dim"),
        }))  # fmt: skip
    return _grid(WORKERS, rows, "It has had no workers.")


def signal_grid(peer: Peer, zone: tzinfo | None = None) -> Grid[Any]:
    """Deliveries and dispatches of each signal."""
    rows: list[tuple[Any, Cells]] = []
    counts = peer.snapshot.signals if peer.snapshot is not None else {}
    for name, count in sorted(counts.items()):
        last = max(filter(None, (count.last, peer.signalled.get(name))), default=None)
        missing = count.received - count.handled
        rows.append((name, {
            "signal": (printable(name), "strong"),
            "received": (f"{count.received:,}", "plain"),
            "handled": (f"{count.handled:,}", "plain"),
            "last": (_time(last, zone) if last is not None else "earlier", "dim"),
            "note": (f"! {missing:,} not handled" if missing > 0 else "", "warn"),
        }))  # fmt: skip
    return _grid(SIGNALS, rows, "It has got no signals.")


def peer_grid(peer: Peer, me: str = "") -> Grid[Any]:
    """Everybody that the service sees or has spoken with, and what waits for them."""
    snapshot = peer.snapshot
    if snapshot is None:
        return _grid(PEERS, [], "It has not told of its peers yet.")
    there = set(snapshot.peers)
    names = there | snapshot.backlog.keys() | snapshot.sent.keys() | snapshot.read.keys()
    rows: list[tuple[Any, Cells]] = []
    for name in sorted(names, key=lambda name: (name not in there, name.casefold())):
        latency = snapshot.clients.get(name, Latency())
        backlog = snapshot.backlog.get(name, 0)
        sent, read = snapshot.sent.get(name, 0), snapshot.read.get(name, 0)
        rows.append((name, {
            "peer": (route_name(name, me), "strong" if name in there else "dim"),
            "there": _there(name in there or name == me, name),
            "backlog": (format_count(backlog, 7), "warn" if backlog else "dim"),
            "sent": (format_count(sent, 7), "plain" if sent else "dim"),
            "read": (format_count(read, 7), "plain" if read else "dim"),
            **_figures(latency, "asked"),
        }))  # fmt: skip
    return _grid(PEERS, rows, "Nobody else is on the bus.")


def _there(there: bool, name: str) -> Cell:
    if there:
        return "● there", "good"
    # Services are not told when other consoles come and go.
    return (NOTHING, "dim") if name.startswith("observer-") else ("✕ left", "dim")


def delta_grid(peer: Peer, zone: tzinfo | None = None, me: str = "") -> Grid[Any]:
    """Who came and left, as the service saw it; the last first."""
    rows: list[tuple[Any, Cells]] = []
    for number, (when, name, change) in reversed(list(enumerate(peer.deltas))):
        came = change > 0
        rows.append(((number, when, name), {
            "when": (_time(when, zone), "dim"),
            "change": ("+1" if came else "-1", "good" if came else "warn"),
            "peer": (route_name(name, me), "plain"),
            "what": ("joined" if came else "left", "dim"),
        }))  # fmt: skip
    return _grid(DELTAS, rows, "Nobody has come or gone.")


def error_grid(peer: Peer, zone: tzinfo | None = None) -> Grid[Any]:
    """The last errors, the last first; keys are their places in `Peer.errors`."""
    rows: list[tuple[Any, Cells]] = []
    for place, error in reversed(list(enumerate(peer.errors))):
        first = error.error.strip().partition("\n")[0]
        rows.append(((place, error.when), {
            "when": (_time(error.when, zone), "dim"),
            "where": (printable(error.where), "plain"),
            "error": (printable(first), "bad"),
        }))  # fmt: skip
    return _grid(ERRORS, rows, "No callback has failed.")


def endpoint_grid(snapshot: Snapshot | None, known: Mapping[str, EndpointDescription]) -> Grid[Any]:
    """What it offers, and how each does.

    Args:
        known: what the service says of itself.
    """
    seen = snapshot.endpoints if snapshot is not None else {}
    rows: list[tuple[Any, Cells]] = []
    for name in sorted(known.keys() | seen.keys()):
        facts = known.get(name)
        about = "not offered" if known else ""
        if facts is not None:
            about = f"{facts.signature or name}  {(facts.doc.strip().splitlines() or [''])[0]}"
        rows.append((name, {
            "name": (printable(name), "strong"),
            **_figures(seen.get(name, Latency()), "count"),
            "signature": (printable(about.strip()), "plain" if facts is not None else "dim"),
        }))  # fmt: skip
    return _grid(ENDPOINTS, rows, "It says of no endpoints.")


def _figures(latency: Latency, count: str) -> Cells:
    some = latency.count > 0

    def span(value: float) -> Cell:
        return (format_latency(value), "plain") if some else (NOTHING, "dim")

    return {
        count: (format_count(latency.count, 6), "plain" if some else "dim"),
        "rate": (format_rate(latency.rate), "plain" if latency.rate else "dim"),
        "p50": span(latency.p50),
        "p95": span(latency.p95),
        "p99": span(latency.p99),
        "errors": (format_count(latency.errors, 3), "bad" if latency.errors else "dim"),
    }


def _time(when: float, zone: tzinfo | None) -> str:
    return format_clock(when, zone, millis=False)
