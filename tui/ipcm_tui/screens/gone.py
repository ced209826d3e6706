"""The bus ended."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from ipcm_tui.screens.overlay import Overlay

__all__ = ["GoneScreen"]


class GoneScreen(Overlay[bool]):
    """Says so; returns whether one wants to see the other buses.

    Args:
        name: of the bus. why: what the observer said.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b,enter", "dismiss(True)", "Other buses", id="gone.buses"),
        Binding("escape", "dismiss(False)", "Look at the last state", id="gone.look"),
        Binding("q", "app.quit", "Quit", id="gone.quit"),
    ]

    def __init__(self, name: str, why: str) -> None:
        super().__init__()
        self._name = name
        self._why = why

    def compose(self) -> ComposeResult:
        """A box with a few lines."""
        box = Vertical(classes="box calm")
        box.border_title = "The bus has ended"
        with box:
            yield Static(
                f"{self._name}: {self._why}.\n\n"
                "Nothing more will happen here. What was last seen is still behind this box.",
                markup=False,
            )
            yield Static(
                "[b]b[/b] other buses     [b]esc[/b] look at the last state     [b]q[/b] leave",
                classes="keys",
            )
