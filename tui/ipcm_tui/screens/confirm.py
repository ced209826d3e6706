"""Asks before something is done that cannot be undone."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from ipcm_tui.screens.overlay import Overlay
from ipcm_tui.widgets.captions import entitle

__all__ = ["ConfirmScreen"]


class ConfirmScreen(Overlay[bool]):
    """Returns True where it was confirmed. The focus is on Cancel, or where one has to type.

    Args:
        title: the question. text: what it would do. verb: on the button that does it.
        typed: what has to be typed before that can be pressed; None for nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Cancel", id="confirm.cancel"),
        Binding("q", "dismiss(False)", "Cancel", show=False, id="confirm.cancel.q"),
        Binding("left,up", "app.focus_previous", "Previous", show=False, id="confirm.previous"),
        Binding("right,down", "app.focus_next", "Next", show=False, id="confirm.next"),
    ]

    def __init__(self, title: str, text: str, verb: str, *, typed: str | None = None) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._verb = verb
        self._typed = typed

    def compose(self) -> ComposeResult:
        """A box with two buttons."""
        box = Vertical(classes="box danger")
        entitle(box, self._title)
        with box:
            yield Static(self._text, markup=False)
            if self._typed is not None:
                field = Input(placeholder=self._typed, id="typed")
                field.border_title = f"type: {self._typed}"
                yield field
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button(
                    self._verb, id="confirm", variant="error", disabled=self._typed is not None
                )

    def on_mount(self) -> None:
        """A hasty Enter does nothing: it hits Cancel, or a field without the exact words."""
        self.set_focus(self.query_one("#cancel" if self._typed is None else "#typed"))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only the exact words will do."""
        self.query_one("#confirm", Button).disabled = event.value.strip() != self._typed

    def on_input_submitted(self) -> None:
        """Enter behind the exact words."""
        if not self.query_one("#confirm", Button).disabled:
            self.dismiss(True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Either button ends it."""
        self.dismiss(event.button.id == "confirm")
