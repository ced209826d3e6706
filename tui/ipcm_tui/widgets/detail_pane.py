"""Everything about what is selected, to scroll through."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from ipcm_tui.models.detail import Detail, Section
from ipcm_tui.theme import Palette
from ipcm_tui.widgets.captions import entitle

__all__ = ["DetailPane", "draw_detail"]


class DetailPane(VerticalScroll):
    """Draws a `Detail`."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[Detail, Palette] | None = None
        self._body = Static()

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._body

    @property
    def columns(self) -> int:
        """Cells in a line of it, beside its scroll bar; 0 before it was laid out."""
        return self._body.size.width

    def show(self, detail: Detail, palette: Palette) -> None:
        """Draws it, where anything changed; another subject begins at its top."""
        if self._shown == (detail, palette):
            return
        if self._shown is not None and self._shown[0].title != detail.title:
            self.scroll_home(animate=False)
        self._shown = (detail, palette)
        entitle(self, detail.title)
        body = self._body
        body.update(draw_detail(detail, palette), layout=False)
        # The whole screen is laid out again only where this needs more lines, or fewer.
        width, height = body.size
        styles: Any = body.styles
        if not width or body.visual.get_height(styles, width) != height:
            body.refresh(layout=True)


def draw_detail(detail: Detail, palette: Palette) -> Text:
    """The sections, one under the other."""
    parts = [_draw_section(section, palette) for section in detail.sections]
    return Text("\n\n").join(parts)


def _draw_section(section: Section, palette: Palette) -> Text:
    text = Text(overflow="fold")
    lines: list[Text] = []
    if section.heading:
        lines.append(Text(section.heading, style=palette["accent"]))
    widest = max((len(label) for label, _ in section.facts), default=0)
    for index, (label, value) in enumerate(section.facts):
        line = Text(f"{label:<{widest}}  ", style=palette["dim"])
        # The tone of a section of facts is that of the first: the state.
        toned = index == 0 and section.tone != "plain"
        line.append(value, style=palette[section.tone if toned else "plain"])
        lines.append(line)
    style = palette["plain" if section.facts else section.tone]
    lines += [Text(line, style=style) for line in section.lines]
    return text.append_text(Text("\n").join(lines))
