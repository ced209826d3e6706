"""What stands in each cell, as text and a tone; the widgets know which colour a tone is.

The text alone says everything: a tone only stresses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import Final, Literal, TypeAlias

from rich.cells import cell_len

from ipcm_tui.models.formatting import (
    NOTHING,
    clip,
    format_clock,
    format_count,
    format_duration,
    format_latency,
    format_percent,
    format_rate,
    format_size,
    printable,
    sparkline,
)
from ipcm_tui.models.peers import Peer, exit_text
from ipcm_tui.models.traffic import Row

__all__ = [
    "STATE_MARKS",
    "STATUS_MARKS",
    "Cell",
    "Tone",
    "peer_cell",
    "route_name",
    "state_text",
    "traffic_cell",
]

Tone: TypeAlias = Literal["plain", "dim", "strong", "good", "warn", "bad", "accent"]
Cell: TypeAlias = tuple[str, Tone]

STATE_MARKS: Final[dict[str, tuple[str, Tone]]] = {
    "starting": ("◌", "warn"),
    "up": ("●", "good"),
    "busy": ("◐", "warn"),
    "ending": ("◍", "warn"),
    "gone": ("✕", "dim"),
}
"""Mark and tone of a peer's state."""

STATUS_MARKS: Final[dict[str, tuple[str, str, Tone]]] = {
    "ok": ("✓", "ok", "good"),
    "error": ("✗", "error", "bad"),
    "open": ("◌", "open", "warn"),
    "lost": ("⊘", "lost", "bad"),
    "missed": ("?", "missed", "dim"),
    "sent": ("→", "sent", "dim"),
    "note": (" ", "", "dim"),
}
"""Mark, word and tone of a row of traffic."""

_SHORT: Final = {"starting": "new", "ending": "ends"}
_HOT: Final = 90.0
_OF_NOW: Final = frozenset({"cpu", "rss", "rate"})
"""What nobody has any more who has left."""


def peer_cell(peer: Peer, column: str, width: int, now: float) -> Cell:
    """One cell of the table of peers; `now` in seconds since the epoch."""
    text, tone = _peer_cell(peer, column, width, now)
    if peer.is_gone and text and column in _OF_NOW:
        text = NOTHING
    return text, "dim" if peer.is_gone and column != "state" else tone


def _peer_cell(peer: Peer, column: str, width: int, now: float) -> Cell:
    match column:
        case "state":
            return _state_cell(peer, width)
        case "name":
            return printable(peer.name), "strong" if peer.is_service else "plain"
        case "pid":
            return str(peer.pid), "plain"
        case "uptime":
            return format_duration(peer.uptime(now)), "plain"
        case "cpu":
            return format_percent(peer.cpu), "warn" if (peer.cpu or 0.0) >= _HOT else "plain"
        case "rss":
            return (NOTHING if peer.rss is None else format_size(peer.rss)), "plain"
    if not peer.is_service:
        return "", "dim"
    if peer.snapshot is None:
        return NOTHING, "dim"
    return _figure(peer, column, width)


def _figure(peer: Peer, column: str, width: int) -> Cell:
    snapshot = peer.snapshot
    assert snapshot is not None
    answered = snapshot.total.count > 0
    match column:
        case "peers":
            return _count(len(snapshot.peers), width)
        case "workers":
            return _count(len(snapshot.workers), width)
        case "signals":
            return _signals(peer, width)
        case "open":
            return _count(snapshot.requests.open, width)
        case "rate":
            rate = format_rate(snapshot.total.rate)
            return rate, "plain" if snapshot.total.rate > 0 else "dim"
        case "p50" | "p95" | "p99":
            span: float = getattr(snapshot.total, column)
            return (format_latency(span), "plain") if answered else (NOTHING, "dim")
        case "backlog":
            backlog = sum(snapshot.backlog.values())
            return format_count(backlog, width), "warn" if backlog else "dim"
        case "errors":
            errors = peer.error_count()
            return format_count(errors, width), "bad" if errors else "dim"
        case "history":
            bars = sparkline(peer.rates.values, width)
            return bars, "accent" if any(peer.rates.values) else "dim"
    raise KeyError(column)


def _count(count: int, width: int) -> Cell:
    return format_count(count, width), "plain" if count else "dim"


def state_text(peer: Peer, width: int = 40) -> str:
    """The mark and a word; how it ended, where it has, in as far as `width` has room for it."""
    mark = STATE_MARKS[peer.state][0]
    room = width - 2
    return f"{mark} {next(word for word in _state_words(peer) if len(word) <= room)}"


def _state_words(peer: Peer) -> Iterator[str]:
    """From the one that says most to the shortest."""
    if peer.is_gone and peer.exit is not None and (peer.exit or not peer.in_order):
        ended = exit_text(peer.exit)
        yield ended
        yield ended.removeprefix("SIG").replace("exit ", "ex ").replace("signal ", "sig ")
    if peer.state == "busy":
        yield f"busy {format_duration(peer.busy_for)}"
    word = "ended" if peer.in_order else peer.state
    yield word
    yield _SHORT.get(word, word)
    yield ""


def _state_cell(peer: Peer, width: int) -> Cell:
    tone = STATE_MARKS[peer.state][1]
    if peer.is_gone and (peer.exit or not peer.in_order) and peer.is_service:
        tone = "bad"
    return state_text(peer, width), tone


def _signals(peer: Peer, width: int) -> Cell:
    snapshot = peer.snapshot
    assert snapshot is not None
    received = {name: count.received for name, count in snapshot.signals.items() if count.received}
    if not received:
        return "0", "dim"
    named = " ".join(f"{name.removeprefix('SIG')}:{n}" for name, n in sorted(received.items()))
    if len(named) <= width:
        return named, "plain"
    return format_count(peer.signal_count(), width), "plain"


def route_name(name: str, me: str) -> str:
    """A peer's name as it stands in the traffic; `me` is this console's own."""
    return "(you)" if name == me else printable(name)


def traffic_cell(
    row: Row, state: str, column: str, width: int, *, me: str = "", zone: tzinfo | None = None
) -> Cell:
    """One cell of the list of traffic; `state` as `TrafficLog.state_of` gives it."""
    match column:
        case "time":
            return format_clock(row.when, zone, millis=width >= len("00:00:00.000")), "dim"
        case "route":
            return _route(row, me, width)
        case "what":
            return _what(row)
        case "size":
            return _sizes(row), "dim"
        case "took":
            return (format_latency(row.took) if row.took is not None else ""), "plain"
        case "state":
            mark, word, tone = STATUS_MARKS[state]
            return f"{mark} {word}".rstrip(), tone
    raise KeyError(column)


def _route(row: Row, me: str, width: int) -> Cell:
    source = route_name(row.source, me)
    if not row.target:
        return source, "plain"
    arrow = " ⇒ " if row.kind == "broadcast" else " → "
    target = route_name(row.target, me)
    # A long name leaves the other one half of the room.
    room = width - cell_len(arrow)
    source = clip(source, max(room - cell_len(target), room // 2))
    return f"{source}{arrow}{target}", "plain"


def _what(row: Row) -> Cell:
    what = printable(row.what)
    match row.kind:
        case "request":
            if row.error is not None:
                return f"{what or 'request'}: {_first_line(row.error)}", "bad"
            return what or _first_line(row.preview or "request"), "accent" if what else "plain"
        case "peer":
            return what, "good" if what == "joined" else "warn"
        case "worker":
            ending = f", {row.error}" if row.error else ""
            return f"worker {what} ({row.id}){ending}", "bad" if row.error else "dim"
        case "signal":
            return f"got {what}", "warn"
        case "error":
            return f"{what}: {_first_line(row.error or '')}", "bad"
        case "ended":
            return f"ends {what}".rstrip(), "warn"
        case "terminate":
            return "asked to end", "warn"
    return _first_line(row.preview or row.kind), "plain"


def _first_line(text: str) -> str:
    return printable(text.strip().partition("\n")[0])


def _sizes(row: Row) -> str:
    if row.size is None and row.reply_size is None:
        return ""
    asked = NOTHING if row.size is None else format_size(row.size)
    if row.reply_size is None:
        return asked
    return f"{asked}→{format_size(row.reply_size)}"
