"""A field for JSON, coloured as one types."""

from __future__ import annotations

from typing import Final

from rich.text import Text
from textual.widgets import TextArea

from ipcm.console.json_text import PieceKind, scan
from ipcm_tui.models.cells import Tone
from ipcm_tui.theme import Palette

__all__ = ["JsonArea"]

_TONES: Final[dict[PieceKind, Tone]] = {
    "key": "accent",
    "string": "good",
    "number": "warn",
    "constant": "warn",
    "reference": "bad",
    "bracket": "dim",
    "mark": "dim",
}
_LONGEST: Final = 20_000


class JsonArea(TextArea):
    """Colours what is JSON so far, whether it is right or not."""

    def __init__(self, text: str, palette: Palette, *, id: str) -> None:
        super().__init__(text, id=id, show_line_numbers=False, tab_behavior="focus")
        self._palette = palette
        self._coloured = ""
        self._marks: list[list[tuple[int, int, Tone]]] = []

    def get_line(self, line_index: int) -> Text:
        """See `TextArea`."""
        line = super().get_line(line_index)
        text = self.text
        if text != self._coloured:
            self._coloured, self._marks = text, line_marks(text)
        for start, end, tone in self._marks[line_index] if line_index < len(self._marks) else ():
            line.stylize(self._palette[tone], start, end)
        return line


def line_marks(text: str) -> list[list[tuple[int, int, Tone]]]:
    """For each line where it has which tone; nothing of a text that is very long."""
    lines = text.split("\n")
    marks: list[list[tuple[int, int, Tone]]] = [[] for _ in lines]
    if len(text) > _LONGEST:
        return marks
    number, begin = 0, 0
    for piece in scan(text)[0]:
        while piece.start > begin + len(lines[number]):
            begin += len(lines[number]) + 1
            number += 1
        marks[number].append((piece.start - begin, piece.end - begin, _TONES[piece.kind]))
    return marks
