"""A live view's picture as HTML, and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ipcm.console.cells import filled, ms_text, plural, span_text, when_text
from ipcm.console.html import box_html, drawing_html, note_html, section_html
from ipcm.console.peers import PEER_COLUMNS, PeerRow
from ipcm.console.results import Column, Record, Section, Table
from ipcm.console.svg import latency_chart, sequence_diagram, shorten
from ipcm.console.watch import Change, Exchange, Picture, Sample, SignalRow, WorkerRow

__all__ = ["picture_html", "picture_record"]

_BARS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_SPARKS = 60
_TEXT_TRAFFIC = 8
_LEAST = 6

_PEERS = tuple(column for column in PEER_COLUMNS if column.drop <= _LEAST)
_WORKERS: tuple[Column[WorkerRow], ...] = (
    Column("SERVICE", lambda row: row.service, style=lambda row: "name"),
    Column("WORKER", lambda row: row.name),
    Column("PID", lambda row: str(row.pid), right=True),
    Column("AGE", lambda row: span_text(row.age), right=True),
    Column(
        "EXIT",
        lambda row: "-" if row.exit is None else row.exit,
        right=True,
        style=lambda row: "bad" if row.exit not in (None, "0") else "",
    ),
)
_SIGNALS: tuple[Column[SignalRow], ...] = (
    Column("SERVICE", lambda row: row.service, style=lambda row: "name"),
    Column("SIGNAL", lambda row: row.signal),
    Column("RECEIVED", lambda row: str(row.received), right=True),
    Column("HANDLED", lambda row: str(row.handled), right=True),
)


def _style(row: Change) -> str:
    return "good" if row.change > 0 else "bad"


_CHANGES: tuple[Column[Change], ...] = (
    Column("WHEN", lambda row: when_text(row.when)),
    Column("PEER", lambda row: f"{'+' if row.change > 0 else '-'} {row.peer}", style=_style),
    Column("", lambda row: f"ended {row.ended}" if row.ended else ""),
)


def _line(row: Exchange) -> str:
    arrow = "=>" if row.kind == "response" else "->"
    return f"{shorten(row.sender, 18)} {arrow} {shorten(row.receiver, 18)}"


_TRAFFIC: tuple[Column[Exchange], ...] = (
    Column("WHEN", lambda row: when_text(row.when)),
    Column("WHO", _line, style=lambda row: "out" if row.kind == "response" else "in"),
    Column("WHAT", lambda row: row.kind),
    Column("TOOK", lambda row: ms_text(row.latency), right=True),
    Column("", lambda row: shorten(row.label, 40), style=lambda row: "bad" if row.failed else ""),
)


def picture_record(picture: Picture) -> Record:
    """The picture as people read it where nothing can be drawn."""
    sections = [Section(text=_title(picture)), *_tables(picture)]
    if picture.traffic:
        sections.append(Section("traffic", table=_traffic(picture)))
    if picture.samples:
        sections.append(Section("latency, last minute", text=_sparks(picture.samples)))
    return Record(picture.title, sections)


def picture_html(picture: Picture) -> str:
    """The picture, drawn."""
    parts = [note_html(_title(picture)), *map(section_html, _tables(picture))]
    if picture.traffic:
        svg = sequence_diagram(picture.traffic)
        otherwise = section_html(Section(table=_traffic(picture)))
        parts += [section_html(Section("traffic")), drawing_html(svg, otherwise)]
    if picture.samples:
        svg = latency_chart(picture.samples, picture.now)
        otherwise = section_html(Section(text=_sparks(picture.samples)))
        parts += [section_html(Section("latency")), drawing_html(svg, otherwise)]
    return box_html("".join(parts))


def _title(picture: Picture) -> str:
    state = "; the bus has ended" if picture.over else ""
    lost = f"; {plural(picture.dropped, 'event')} left out" if picture.dropped else ""
    return f"{picture.title} at {when_text(picture.now)[:8]}{state}{lost}"


def _tables(picture: Picture) -> list[Section]:
    sections = []
    if picture.peers or not picture.over:
        table = Table(PeerRow, picture.peers, _PEERS)
        sections.append(Section(table=table, text="" if picture.peers else "nobody is there"))
    for title, kind, rows, columns in (
        ("came and left", Change, picture.changes, _CHANGES),
        ("workers", WorkerRow, picture.workers, _WORKERS),
        ("signals", SignalRow, picture.signals, _SIGNALS),
    ):
        if rows:
            shown: Table[Any] = Table(kind, rows, columns)
            sections.append(Section(title, table=shown))
    return [each for each in sections if each.text or (each.table and each.table.rows)]


def _traffic(picture: Picture) -> Table[Any]:
    return Table(Exchange, picture.traffic[-_TEXT_TRAFFIC:], _TRAFFIC)


def _sparks(samples: Sequence[Sample]) -> str:
    """Latencies of each service as bars, the latest on the right."""
    lines = []
    for service in dict.fromkeys(each.service for each in samples):
        values = [each.latency for each in samples if each.service == service][-_SPARKS:]
        top = max(values)
        bars = "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in values)
        lines.append(f"{filled(shorten(service, 16), 16)}  {bars}  last {ms_text(values[-1])}")
    return "\n".join(lines)
