"""The detail of one thing, large."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from ipcm_tui.models.detail import Detail
from ipcm_tui.theme import Palette
from ipcm_tui.widgets.detail_pane import DetailPane

__all__ = ["InspectScreen"]


class InspectScreen(ModalScreen[None]):
    """Stays on what it was opened for, and keeps it up to date.

    Args:
        read: returns the detail as it is now.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,d", "dismiss", "Close", id="inspect.close"),
    ]

    def __init__(self, read: Callable[[], Detail], palette: Palette) -> None:
        super().__init__()
        self._read = read
        self._palette = palette
        self._pane = DetailPane(id="inspected")

    def compose(self) -> ComposeResult:
        """One pane."""
        self._pane.add_class("box", "tall")
        self._pane.border_subtitle = "esc closes"
        yield self._pane

    def on_mount(self) -> None:
        """Draws it now, and again twice a second."""
        self._draw()
        self.set_interval(0.5, self._draw)

    def _draw(self) -> None:
        self._pane.show(self._read(), self._palette)
