"""Everything about the selected peer or row of traffic, as headed lists of text."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from datetime import tzinfo
from typing import Final

from rich.cells import cell_len

from ipcm._core.observation import Latency, RequestCounts, Snapshot
from ipcm_tui.models.cells import STATE_MARKS, STATUS_MARKS, Tone, route_name, state_text
from ipcm_tui.models.formatting import (
    format_clock,
    format_count,
    format_duration,
    format_latency,
    format_percent,
    format_rate,
    format_size,
    pad,
    printable,
    squeeze,
)
from ipcm_tui.models.peers import Peer, exit_text
from ipcm_tui.models.traffic import Row

__all__ = ["Detail", "Section", "as_lines", "halves", "peer_detail", "pretty", "row_detail"]

_JSON_PARTS: Final = re.compile(
    r'"(?:[^"\\]|\\.)*["\\]?|(?:\[\]|\{\}|[][{},:])\s*|[-+.\w]+', re.DOTALL
)
_MOST_LINES: Final = 12
_NARROW: Final = 38
_ERRORS: Final = 3
_FIGURES: Final = 4 * 6 + 1 + _ERRORS


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """A heading over facts (label and value) and lines of text."""

    heading: str
    facts: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    tone: Tone = "plain"


@dataclasses.dataclass(frozen=True, slots=True)
class Detail:
    """A title and what there is to say."""

    title: str
    sections: tuple[Section, ...] = ()


def peer_detail(
    peer: Peer,
    now: float,
    zone: tzinfo | None = None,
    me: str = "",
    columns: int = _NARROW,
) -> Detail:
    """What is known of a peer.

    Args:
        now: seconds since the epoch. me: this console's own name. columns: that it is shown in.
    """
    tone = STATE_MARKS[peer.state][1]
    facts = [
        ("state", state_text(peer)),
        ("kind", peer.kind),
        ("pid", str(peer.pid)),
        ("up", f"{format_duration(peer.uptime(now))}, since {_time(peer.since, zone)}"),
        ("life", peer.key.incarnation[:8]),
    ]
    if peer.rss is not None:
        used = f"cpu {format_percent(peer.cpu)}, memory {format_size(peer.rss)}"
        facts.append(("uses" if not peer.is_gone else "used", used))
        if peer.peak > peer.rss:
            facts[-1] = (facts[-1][0], f"{used}, at most {format_size(peer.peak)}")
    if peer.ended is not None:
        facts[1:1] = [("how", peer.how), ("when", _time(peer.ended, zone))]
        if peer.errors:
            last = peer.errors[-1]
            said = printable(f"{last.where}: {last.error}")
            facts.append(("last error", f"{_time(last.when, zone)} {said}"))
    sections = [Section("", tuple(facts), tone=tone)]
    if peer.snapshot is not None:
        sections += _snapshot_sections(peer.snapshot, zone, me, columns)
    if peer.errors:
        lines = (
            f"{_time(error.when, zone)} {printable(error.where)}: {printable(error.error)}"
            for error in reversed(peer.errors[-5:])
        )
        sections.append(Section("last errors", lines=tuple(lines), tone="bad"))
    return Detail(printable(peer.name), tuple(sections))


def halves(detail: Detail) -> tuple[Detail, Detail]:
    """Its facts, and its lists, to be shown side by side."""
    facts = tuple(each for each in detail.sections if each.facts)
    lists = tuple(each for each in detail.sections if not each.facts)
    return Detail(detail.title, facts), Detail("", lists)


def _snapshot_sections(
    snapshot: Snapshot, zone: tzinfo | None, me: str, columns: int
) -> Iterable[Section]:
    counts = snapshot.requests
    facts = [
        ("answered", f"{snapshot.total.count:,}, {snapshot.total.errors:,} with an error"),
        ("received", f"{counts.received:,}, {counts.open:,} open{_oldest(counts)}"),
        ("sent", f"{counts.sent:,}"),
    ]
    if snapshot.total.count:
        facts.append(("p50/95/99", _percentiles(snapshot.total)))
    yield Section("requests", tuple(facts))
    clients = {route_name(name, me): latency for name, latency in snapshot.clients.items()}
    endpoints = {printable(name): latency for name, latency in snapshot.endpoints.items()}
    room = max(columns, _NARROW) - _FIGURES
    names = min(max(map(cell_len, ("endpoints", *endpoints, *clients))), room)
    for heading, latencies in (("endpoints", endpoints), ("asked by", clients)):
        if latencies:
            yield _latency_section(heading, latencies, names)
    yield from _workers(snapshot, zone)
    if snapshot.signals:
        lines = (
            f"{name}  {count.received:,} received, {count.handled:,} handled"
            for name, count in sorted(snapshot.signals.items())
        )
        yield Section("signals", lines=tuple(lines))
    loop = [
        ("turns", f"{snapshot.turns:,}"),
        ("lag", _lag(snapshot)),
        ("interval", f"{snapshot.interval:g} s"),
    ]
    backlog = sum(snapshot.backlog.values())
    if backlog:
        loop.append(("backlog", f"{backlog:,} messages"))
    if snapshot.drops:
        loop.append(("drops", f"{snapshot.drops:,}"))
    yield Section("loop", tuple(loop))


def _workers(snapshot: Snapshot, zone: tzinfo | None) -> Iterable[Section]:
    live = [f"{printable(w.name)} ({w.pid})  {format_duration(w.age)}" for w in snapshot.workers]
    ended = [
        f"{_time(w.when, zone)} {printable(w.name)} ({w.pid})  {exit_text(w.exit)}"
        for w in reversed(snapshot.ended_workers)
        if w.exit != 0
    ]
    if live:
        yield Section("workers", lines=tuple(_shortened(live)))
    if ended:
        yield Section("failed workers", lines=tuple(ended[:5]), tone="bad")


def _latency_section(heading: str, latencies: dict[str, Latency], names: int) -> Section:
    ordered = sorted(latencies.items(), key=lambda item: -item[1].count)
    lines = []
    for name, latency in ordered:
        figures = (
            format_count(latency.count),
            format_rate(latency.rate),
            format_latency(latency.p50),
            format_latency(latency.p95),
        )
        errors = format_count(latency.errors, _ERRORS)
        lines.append(_latency_line(name, names, figures, errors))
    heads = _latency_line(heading, names, ("count", "req/s", "p50", "p95"), "err")
    return Section(heads, lines=tuple(_shortened(lines)))


def _latency_line(name: str, width: int, figures: tuple[str, ...], errors: str) -> str:
    columns = "".join(f" {figure:>5}" for figure in figures)
    return f"{pad(squeeze(name, width), width)}{columns} {errors:>{_ERRORS}}"


def _shortened(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], f"and {more:,} more"]


def row_detail(row: Row, state: str, me: str = "", zone: tzinfo | None = None) -> Detail:
    """What a row of traffic is; `state` as `TrafficLog.state_of` gives it, `me` this console."""
    mark, word, tone = STATUS_MARKS[state]
    facts = [("status", f"{mark} {word}{_explain(state)}")] if word else []
    facts += [("at", format_clock(row.when, zone)), ("from", route_name(row.source, me))]
    if row.target:
        facts.append(("to", route_name(row.target, me)))
    if row.is_request:
        facts.append(("id", str(row.id)))
    elif row.kind in ("peer", "signal", "ended") and row.what:
        facts.append((row.kind, printable(row.what)))
    elif row.kind == "worker":
        facts.append(("pid", str(row.id)))
    for label, span in (("service", row.latency), ("round trip", row.round_trip)):
        if span is not None:
            facts.append((label if row.is_request else "took", format_latency(span)))
    sections = [Section("", tuple(facts), tone=tone)]
    if row.error is not None:
        sections.append(Section("error", lines=as_lines(row.error), tone="bad"))
    for label, preview, size in (
        (row.kind, row.preview, row.size),
        ("response", row.reply_preview, row.reply_size),
    ):
        if preview is not None:
            heading = label if size is None else f"{label}  {format_size(size)}"
            sections.append(Section(heading, lines=pretty(preview)))
    title = " ".join(word for word in (row.kind, printable(row.what)) if word)
    return Detail(title, tuple(sections))


def _explain(state: str) -> str:
    return {
        "open": ", not answered yet",
        "lost": ", a side left before the answer",
        "missed": ", its answer may have been dropped here",
    }.get(state, "")


def pretty(preview: str) -> tuple[str, ...]:
    """JSON, also the beginning of it, with a line for each of its parts; other text as it is."""
    try:
        text = json.dumps(json.loads(preview), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = _broken_up(preview) if preview.startswith(("{", "[")) else preview
    return as_lines(text)


def _broken_up(text: str) -> str:
    found = _JSON_PARTS.findall(text)
    if "".join(found) != text:
        return text  # as of a value that JSON does not know
    depth, parts = 0, [""]
    for part in (each if each[0] == '"' else each.rstrip() for each in found):
        if part in "{[":
            depth += 1
        elif part in "}]":
            depth -= 1
            parts.append("\n" + "  " * depth)
        parts.append(part)
        if part in "{[,":
            parts.append("\n" + "  " * depth)
        elif part == ":":
            parts.append(" ")
    return "".join(parts)


def as_lines(text: str) -> tuple[str, ...]:
    """Lines that cannot steer a terminal."""
    return tuple(printable(line) for line in text.splitlines())


def _lag(snapshot: Snapshot) -> str:
    lag = format_latency(snapshot.loop_lag)
    if snapshot.worst_lag <= snapshot.loop_lag:
        return lag
    return f"{lag}, {format_latency(snapshot.worst_lag)} at worst"


def _oldest(counts: RequestCounts) -> str:
    return f", the oldest for {format_latency(counts.oldest)}" if counts.oldest > 0 else ""


def _percentiles(latency: Latency) -> str:
    return " / ".join(format_latency(value) for value in (latency.p50, latency.p95, latency.p99))


def _time(when: float, zone: tzinfo | None) -> str:
    return format_clock(when, zone, millis=False)
