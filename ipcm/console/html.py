"""Results as HTML that reads well on dark and on light, with nothing but inline styles.

Notebooks are saved, sent and shown elsewhere: style sheets and scripts do not survive that.
Colours are middle tones, and whatever can inherits the colour of the page's text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ipcm.console.cells import clean
from ipcm.console.encode import cell_text, plain_value, to_json
from ipcm.console.results import Column, Record, Section, Span, Table, Value

__all__ = [
    "COLOURS",
    "box_html",
    "drawing_html",
    "lines_html",
    "note_html",
    "record_html",
    "section_html",
    "span_html",
    "table_html",
    "value_html",
]

COLOURS = {
    "name": "#1a8a9c",
    "good": "#2e9e5b",
    "bad": "#d9534f",
    "loud": "#c98a12",
    "in": "#4a7fd4",
    "out": "#b05fc0",
}
"""Middle tones: each reads on white and on near-black."""

_STYLES = {
    **{name: f"color:{colour}" for name, colour in COLOURS.items()},
    "loud": f"color:{COLOURS['loud']};font-weight:bold",
    "heading": "font-weight:bold",
    "faint": "opacity:.65",
}
_LINE = "1px solid rgba(128,128,128,.35)"
_MONO = "font-family:monospace;font-size:13px;line-height:1.45"


def span_html(span: Span) -> str:
    """A piece of a line."""
    text, style = escape(clean(span[0])), _STYLES.get(span[1], "")
    return f'<span style="{style}">{text}</span>' if style else text


def lines_html(lines: Iterable[Sequence[Span]]) -> str:
    """Lines of text, as they are."""
    body = "\n".join("".join(map(span_html, line)) for line in lines)
    return (
        f'<pre style="{_MONO};margin:4px 0;background:transparent;color:inherit;'
        f'white-space:pre-wrap">{body}</pre>'
    )


def note_html(text: str, style: str = "faint") -> str:
    """A remark."""
    body = escape(clean(text, keep_lines=True)).replace("\n", "<br>")
    return f'<div style="{_STYLES.get(style, "")};margin:2px 0">{body}</div>'


def table_html(table: Table[Any]) -> str:
    """Headings and rows, or what the table says where it has none; and what failed."""
    notes = "".join(note_html(f"{each.what}: {each.error}", "bad") for each in table.failures)
    if not table.rows:
        return (note_html(table.empty) if table.empty else "") + notes
    head = "".join(_cell("th", column, column.title, "heading") for column in table.columns)
    rows = []
    for row in table.rows:
        cells = (
            _cell("td", each, each.cell(row), each.style(row) if each.style else "")
            for each in table.columns
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;{_MONO};'
        f'margin:4px 0;color:inherit"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{notes}"
    )


def _cell(tag: str, column: Column[Any], text: str, style: str) -> str:
    side = "right" if column.right else "left"
    # JupyterLab lets each cell wrap, whatever the table says.
    css = (
        f"text-align:{side};padding:2px 6px;border-bottom:{_LINE};background:transparent;"
        "white-space:nowrap"
    )
    if named := _STYLES.get(style):
        css += f";{named}"
    return f'<{tag} style="{css}">{escape(clean(text))}</{tag}>'


def section_html(section: Section) -> str:
    """A part of a record."""
    parts = []
    if section.title:
        parts.append(
            f'<div style="font-weight:bold;margin-top:6px">{escape(clean(section.title))}</div>'
        )
    if section.text:
        text = escape(clean(section.text, keep_lines=True))
        parts.append(f'<div style="white-space:pre-wrap">{text}</div>')
    if section.pairs:
        rows = "".join(_pair(name, value) for name, value in section.pairs)
        parts.append(
            f'<table style="border-collapse:collapse;{_MONO};margin:2px 0;color:inherit">'
            f"<tbody>{rows}</tbody></table>"
        )
    if section.table is not None:
        parts.append(table_html(section.table))
    return "".join(parts)


def _pair(name: str, value: str) -> str:
    css = "text-align:left;padding:1px 10px;vertical-align:top;background:transparent"
    return (
        f'<tr style="background:transparent"><td style="{css};{_STYLES["name"]}">'
        f'{escape(clean(name))}</td><td style="{css}">{escape(clean(value))}</td></tr>'
    )


def record_html(record: Record) -> str:
    """All parts of a record."""
    return box_html("".join(map(section_html, record.sections)))


def drawing_html(svg: str, otherwise: str) -> str:
    """A drawing, and what stands for it where drawings are taken out.

    Front ends do that with notebooks that they do not trust: they drop the tags and keep the text
    between them. So the drawing's own text has no size but what its tags give it; what is within
    <desc>, which is HTML also in there and never drawn, has one.

    Args:
        svg: a whole SVG. otherwise: HTML that says the same.
    """
    head, end, rest = svg.partition(">")
    desc = f'<desc><div style="font-size:13px">{otherwise}</div></desc>'
    return f'<div style="font-size:0px">{head}{end}{desc}{rest}</div>'


def box_html(body: str) -> str:
    """A frame around what belongs together."""
    return (
        f'<div style="border-left:3px solid {COLOURS["name"]};padding:2px 0 2px 10px;margin:4px 0;'
        f'color:inherit">{body}</div>'
    )


def value_html(value: Value) -> str:
    """A response: rows of dicts as a table, anything else as JSON."""
    plain = plain_value(value.value)
    if isinstance(plain, list) and plain and all(isinstance(row, dict) for row in plain):
        keys = list(dict.fromkeys(key for row in plain for key in row))
        return table_html(Table(dict, plain, [_key_column(key) for key in keys]))
    text = plain if isinstance(plain, str) else to_json(plain, indent=True)
    return lines_html([[(line, "")] for line in text.splitlines() or [""]])


def _key_column(key: str) -> Column[Any]:
    return Column(key, lambda row: cell_text(row.get(key)))
