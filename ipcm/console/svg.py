"""Pictures of traffic, as SVG that takes the colour of the text around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from ipcm.console.cells import clean, ms_text, plural, when_text
from ipcm.console.html import COLOURS
from ipcm.console.watch import SPAN, Exchange, Sample

__all__ = ["latency_chart", "sequence_diagram", "shorten"]

_LANES: Final = 6
_LANE: Final = 150
_TIME: Final = 86
_ROW: Final = 24
_TOP: Final = 34
_NAME: Final = 18
_LABEL: Final = 22
_WIDTH: Final = 640
_HEIGHT: Final = 150
_LEFT: Final = 56
_SPANS: Final = (9.0, 30.0, SPAN)
_FONT: Final = 'font-family="monospace" font-size="11" fill="currentColor"'
_PALETTE: Final = tuple(COLOURS[name] for name in ("name", "out", "loud", "good", "in", "bad"))
_OTHERS: Final = "others"


def shorten(text: str, most: int) -> str:
    """The text, with dots in its middle where it is longer than that."""
    text = clean(text)
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}\u2026{text[len(text) - tail :]}"


def sequence_diagram(traffic: Sequence[Exchange]) -> str:
    """Messages as arrows between lifelines, the oldest on top."""
    names = list(dict.fromkeys(n for each in traffic for n in (each.sender, each.receiver)))
    if len(names) > _LANES:
        names = [*names[: _LANES - 1], _OTHERS]
    at = {name: _TIME + _LANE // 2 + _LANE * index for index, name in enumerate(names)}
    width = _TIME + _LANE * max(len(names), 1)
    height = _TOP + _ROW * len(traffic) + 14
    parts = [_open_svg(width, height, plural(len(traffic), "message"))]
    for name, x in at.items():
        parts.append(
            f'<line x1="{x}" y1="{_TOP - 10}" x2="{x}" y2="{height - 4}" stroke="currentColor" '
            f'stroke-opacity=".3"/><text x="{x}" y="14" text-anchor="middle" font-weight="bold" '
            f"{_FONT}>{escape(shorten(name, _NAME))}</text>"
        )
    for row, each in enumerate(traffic):
        y = _TOP + _ROW * row + 14
        parts.append(_arrow(each, at.get(each.sender), at.get(each.receiver), at, y))
    return "".join([*parts, "</svg>"])


def _open_svg(width: int, height: int, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'style="max-width:100%;height:auto" role="img" aria-label="{escape(label)}">'
    )


def _arrow(each: Exchange, start: int | None, end: int | None, at: dict[str, int], y: int) -> str:
    start = at.get(_OTHERS, _TIME) if start is None else start
    end = at.get(_OTHERS, _TIME) if end is None else end
    colour = COLOURS["bad"] if each.failed else COLOURS["out" if each.kind == "response" else "in"]
    dash = ' stroke-dasharray="4 3"' if each.kind == "response" else ""
    label = each.label
    if each.latency is not None:
        label = f"{label} {ms_text(each.latency)}".strip()
    if each.kind not in ("request", "response"):
        label = f"{each.kind} {label}".strip()
    if start == end:  # to oneself, or between two that share a lane
        line = (
            f'<path d="M{start},{y - 5} h26 v10 h-20" fill="none" stroke="{colour}"{dash}/>'
            f"{_head(start + 5, y + 5, -1, colour)}"
        )
        x, anchor = start + 32, "start"
    else:
        way = 1 if end > start else -1
        line = (
            f'<line x1="{start}" y1="{y}" x2="{end - 6 * way}" y2="{y}" stroke="{colour}" '
            f'stroke-width="1.5"{dash}/>{_head(end, y, way, colour)}'
        )
        x, anchor = (start + end) // 2, "middle"
        y -= 4
    text = escape(shorten(label, _LABEL * max(abs(end - start) // _LANE, 1)))
    when = escape(when_text(each.when))
    return (
        f'<text x="0" y="{y + 4}" fill-opacity=".65" {_FONT}>{when}</text>{line}'
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" {_FONT}>{text}</text>'
    )


def _head(x: int, y: int, way: int, colour: str) -> str:
    back = x - 7 * way
    return f'<polygon points="{x},{y} {back},{y - 4} {back},{y + 4}" fill="{colour}"/>'


def latency_chart(samples: Sequence[Sample], now: float) -> str:
    """Answers of the last minute, or of less where there is less: when, and how long they took,
    on a logarithmic scale.
    """
    services = list(dict.fromkeys(each.service for each in samples))
    low, high = _decades([each.latency for each in samples])
    plot = _WIDTH - _LEFT - 8
    bottom = _HEIGHT - 22
    oldest = max((now - each.when for each in samples), default=SPAN)
    span = next((each for each in _SPANS if oldest <= each), SPAN)

    def place(each: Sample) -> tuple[float, float]:
        x = _LEFT + plot * (1 - min(max(now - each.when, 0.0), span) / span)
        height = (math.log10(max(each.latency, 1e-7)) - low) / (high - low)
        return x, bottom - (bottom - 12) * min(max(height, 0.0), 1.0)

    parts = [_open_svg(_WIDTH, _HEIGHT, f"latency of {plural(len(samples), 'answer')}")]
    for decade in range(low, high + 1):
        y = bottom - (bottom - 12) * (decade - low) / (high - low)
        parts.append(
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - 8}" y2="{y:.1f}" '
            f'stroke="currentColor" stroke-opacity=".2"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" '
            f'text-anchor="end" {_FONT}>{ms_text(10.0**decade)}</text>'
        )
    for third in (3, 2, 1, 0):
        x = _LEFT + plot * (1 - third / 3)
        parts.append(
            f'<text x="{x:.0f}" y="{_HEIGHT - 6}" text-anchor="{"middle" if third else "end"}" '
            f'fill-opacity=".65" {_FONT}>{f"-{span * third / 3:.0f}s" if third else "now"}</text>'
        )
    colours = {name: _PALETTE[index % len(_PALETTE)] for index, name in enumerate(services)}
    for each in samples:
        x, y = place(each)
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{colours[each.service]}" '
            'fill-opacity=".75"/>'
        )
    for index, name in enumerate(services[:_LANES]):
        x = _LEFT + 8 + index * 96
        parts.append(
            f'<circle cx="{x}" cy="6" r="3.5" fill="{colours[name]}"/>'
            f'<text x="{x + 7}" y="10" {_FONT}>{escape(shorten(name, 12))}</text>'
        )
    return "".join([*parts, "</svg>"])


def _decades(latencies: Sequence[float]) -> tuple[int, int]:
    """The powers of ten around all values, at least one decade."""
    if not latencies:
        return -4, -2
    low = math.floor(math.log10(max(min(latencies), 1e-7)))
    high = math.ceil(math.log10(max(*latencies, 1e-7)))
    return low, max(high, low + 1)
