"""The line at the top: which bus, how old, who is there."""

from __future__ import annotations

import dataclasses

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static

from ipcm.console.cells import plural
from ipcm_tui.models.buses import BusFacts
from ipcm_tui.models.cells import Tone
from ipcm_tui.models.formatting import clip, format_duration, format_rate, printable
from ipcm_tui.theme import Palette

__all__ = ["BusLine", "BusState"]


@dataclasses.dataclass(frozen=True, slots=True)
class BusState:
    """What the line shows besides the facts.

    Attributes:
        age: whole seconds since the bus was spawned. rate: requests answered per second.
        over: the bus ended.
    """

    age: int
    services: int
    clients: int
    rate: float
    read_only: bool = False
    demo: bool = False
    over: bool = False


class BusLine(Static):
    """See the module."""

    def __init__(self, facts: BusFacts, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._facts = facts
        self._shown: tuple[BusState, int, Palette] | None = None

    def show(self, state: BusState, palette: Palette) -> None:
        """Draws it, where anything changed."""
        width = self.content_size.width
        if self._shown != (state, width, palette):
            self._shown = (state, width, palette)
            # The screen is not laid out again for it: its height is that of a line.
            self.update(self._compose_line(state, width, palette), layout=False)

    def _compose_line(self, state: BusState, width: int, palette: Palette) -> Text:
        facts = self._facts
        rate = f"{format_rate(state.rate)} req/s"
        age = f"up {format_duration(state.age)}"
        counts = [plural(state.services, "service"), plural(state.clients, "client")]
        mark, tone = self._mark(state)
        parts: list[tuple[str, Tone]] = [
            (facts.transport, "dim"), (age, "plain"), (counts[0], "plain"), (counts[1], "plain"),
            (rate, "plain"), (f"{facts.serializer}, owner {facts.owner_pid}", "dim"),
        ]  # fmt: skip
        name = clip(printable(facts.name), max(width - cell_len(mark) - 10, 8))
        line = Text(" ipcm ", style=palette["dim"], no_wrap=True)
        line.append(name, style=palette["strong"])
        for text, part_tone in parts:
            # What does not fit is left out whole: the least important comes last.
            if line.cell_len + cell_len(text) + 3 + cell_len(mark) + 2 > width:
                break
            line.append("   ")
            line.append(text, style=palette[part_tone])
        line.append(" " * max(width - line.cell_len - cell_len(mark) - 1, 1))
        line.append(mark, style=palette[tone])
        return line

    def _mark(self, state: BusState) -> tuple[str, Tone]:
        if state.over:
            return "✕ ended", "bad"
        if state.read_only:
            return "◇ read-only", "warn"
        return ("● demo" if state.demo else "● live"), "good"
