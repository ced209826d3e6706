"""Terms and what they mean."""

from __future__ import annotations

from typing import Final

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from ipcm_tui.models.cells import Cell
from ipcm_tui.models.glossary import Glossary, lay_out
from ipcm_tui.theme import Palette

__all__ = ["GlossaryView"]

_LEFT: Final = 16


class GlossaryView(Widget):
    """Draws the lines that are on the screen, and has the height of all.

    Textual's Static with a table of Rich in it lays out and draws the whole of it five times
    before it can be seen.
    """

    def __init__(self, glossary: Glossary, palette: Palette) -> None:
        super().__init__()
        self._glossary = glossary
        self._palette = palette
        self._laid_out: tuple[int, list[list[Cell]]] = (-1, [])

    def _lines(self, width: int) -> list[list[Cell]]:
        if self._laid_out[0] != width:
            self._laid_out = (width, lay_out(self._glossary, width, _LEFT))
        return self._laid_out[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """See `Widget`."""
        return len(self._lines(width))

    def render_line(self, y: int) -> Strip:
        """See the Line API of Textual."""
        width, base = self.size.width, self.rich_style
        lines = self._lines(width)
        cells = lines[y] if y < len(lines) else []
        segments = [Segment(text, base + self._palette[tone]) for text, tone in cells]
        return Strip(segments).adjust_cell_length(width, base)
