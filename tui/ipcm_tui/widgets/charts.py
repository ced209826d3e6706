"""Rate, latency and loop lag of the last minute, side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from ipcm_tui.models.cells import Tone
from ipcm_tui.models.chart import chart
from ipcm_tui.models.formatting import format_latency, format_rate
from ipcm_tui.models.peers import Peer
from ipcm_tui.theme import Palette

__all__ = ["Charts"]


_TITLES = {"rate": "answered per second", "latency": "p95 seen", "lag": "loop lag"}


class Charts(Horizontal):
    """Three charts."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawn: dict[str, tuple[list[str], Palette]] = {}

    def compose(self) -> ComposeResult:
        """One of each."""
        for id, title in _TITLES.items():
            one = Static(id=f"chart-{id}", classes="chart")
            one.border_title = title
            yield one

    def show(self, peer: Peer, palette: Palette) -> None:
        """Draws them."""
        self._draw("rate", peer.rates.values, format_rate, palette, "accent")
        self._draw("latency", peer.latencies.values, _latency, palette, "good")
        self._draw("lag", peer.lags.values, _latency, palette, "warn")

    def _draw(
        self,
        id: str,
        values: Collection[float],
        label: Callable[[float], str],
        palette: Palette,
        tone: Tone,
    ) -> None:
        where = self.query_one(f"#chart-{id}", Static)
        size = where.content_size
        lines = chart(list(values), size.width, size.height, label)
        drawn = (lines, palette)
        if self._drawn.get(id) != drawn:
            self._drawn[id] = drawn
            text = Text("\n".join(lines), style=palette[tone], no_wrap=True)
            where.update(text, layout=False)


def _latency(seconds: float) -> str:
    return format_latency(seconds) if seconds else "0"
