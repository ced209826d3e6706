"""What to write into a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ipcm_tui.screens.overlay import Overlay
from ipcm_tui.widgets.captions import subtitle

__all__ = ["ExportScreen"]


class ExportScreen(Overlay[str]):
    """Returns the id of what was chosen.

    Args:
        offers: (id, what it is).
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Cancel", id="export.cancel"),
    ]

    def __init__(self, offers: Sequence[tuple[str, str]], where: str) -> None:
        super().__init__()
        self._offers = offers
        self._where = where

    def compose(self) -> ComposeResult:
        """A list."""
        box = Vertical(classes="box picker")
        box.border_title = "Export"
        subtitle(box, f"into {self._where}")
        with box:
            yield OptionList(*(Option(about, id=id) for id, about in self._offers), id="exports")

    def on_mount(self) -> None:
        """Enter is enough for the first."""
        listed = self.query_one(OptionList)
        self.set_focus(listed)
        listed.highlighted = 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click."""
        self.dismiss(event.option.id)
