"""The bus ended."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

__all__ = ["GoneScreen"]


class GoneScreen(ModalScreen[None]):
    """Says so, and lets one look at what was there last.

    Args:
        name: of the bus. why: what the observer said.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,enter", "app.quit", "Quit", id="gone.quit"),
        Binding("escape", "dismiss", "Look at the last state", id="gone.look"),
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
            yield Static("[b]q[/b] leave     [b]esc[/b] look at the last state", classes="keys")
