"""Asks before something is done that cannot be undone."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

__all__ = ["ConfirmScreen"]


class ConfirmScreen(ModalScreen[bool]):
    """Returns True where it was confirmed. The focus is on Cancel.

    Args:
        title: the question. text: what it would do. verb: on the button that does it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(False)", "Cancel", id="confirm.cancel"),
        Binding("left,up", "app.focus_previous", "Previous", show=False, id="confirm.previous"),
        Binding("right,down", "app.focus_next", "Next", show=False, id="confirm.next"),
    ]

    def __init__(self, title: str, text: str, verb: str) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._verb = verb

    def compose(self) -> ComposeResult:
        """A box with two buttons."""
        box = Vertical(classes="box danger")
        box.border_title = self._title
        with box:
            yield Static(self._text, markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button(self._verb, id="confirm", variant="error")

    def on_mount(self) -> None:
        """Cancel is what a hasty Enter hits."""
        self.query_one("#cancel", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Either button ends it."""
        self.dismiss(event.button.id == "confirm")
