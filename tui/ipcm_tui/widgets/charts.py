"""Rate and latency of the last minute, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


class Charts(Horizontal):
    """Two charts."""

    def compose(self) -> ComposeResult:
        """One of each."""
        for id, title in (("rate", "requests answered per second"), ("latency", "p95 seen")):
            one = Static(id=f"chart-{id}", classes="chart")
            one.border_title = title
            yield one

    def show(self, peer: Peer, palette: Palette) -> None:
        """Draws them."""
        rate = self.query_one("#chart-rate", Static)
        latency = self.query_one("#chart-latency", Static)
        self._draw(rate, list(peer.rates.values), format_rate, palette, "accent")
        self._draw(latency, list(peer.latencies.values), _latency, palette, "good")

    def _draw(
        self,
        where: Static,
        values: Sequence[float],
        label: Callable[[float], str],
        palette: Palette,
        tone: Tone,
    ) -> None:
        size = where.content_size
        lines = chart(values, size.width, size.height, label)
        where.update(Text("\n".join(lines), style=palette[tone], no_wrap=True), layout=False)


def _latency(seconds: float) -> str:
    return format_latency(seconds) if seconds else "0"
