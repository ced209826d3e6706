"""A line to type into, which comes and goes: a filter, a text to find."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label, Static

__all__ = ["PromptBar"]


class PromptBar(Vertical):
    """Hidden until `ask`; below it a place to say what is wrong, and where.

    Args:
        label: what is asked for. placeholder: how it may look.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Give up", show=False, id="prompt.cancel"),
    ]

    class Typed(Message):
        """The text is another."""

        def __init__(self, bar: PromptBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

    class Submitted(Typed):
        """Enter was pressed."""

    class Cancelled(Message):
        """Escape was pressed."""

        def __init__(self, bar: PromptBar) -> None:
            super().__init__()
            self.bar = bar

    def __init__(self, label: str, placeholder: str = "", *, id: str) -> None:
        super().__init__(id=id)
        self._label = label
        self._field = Input(placeholder=placeholder, compact=True, select_on_focus=False)
        self.display = False

    def compose(self) -> ComposeResult:
        """The label, the field; the problem."""
        with Horizontal():
            yield Label(f" {self._label} ")
            yield self._field
        yield Static(classes="problem")

    def ask(self, text: str = "") -> None:
        """Opens it, with a text to begin with."""
        self.display = True
        field = self._field
        field.value = text
        field.cursor_position = len(text)
        self.resume()

    def resume(self) -> None:
        """Takes the keys, at once: who types on does not wait for the screen."""
        self.screen.set_focus(self._field)

    def close(self) -> None:
        """Hides it."""
        self.display = False

    def complain(self, problem: str, at: int = 0) -> None:
        """Says what is wrong, with a caret under the place; "" for nothing."""
        below = self.query_one(".problem", Static)
        below.display = bool(problem)
        if problem:
            start = len(self._label) + 2 - int(self._field.scroll_offset.x)
            room = max(self.size.width, 20)
            place = min(max(start + cell_len(self._field.value[:at]), 0), room - 2)
            said = f"^ {problem}"
            if place + len(said) > room and place > len(problem):
                below.update(Text(f"{problem} ^".rjust(place + 1), no_wrap=True))
            else:
                below.update(Text(" " * place + said, no_wrap=True, overflow="ellipsis"))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tells of it."""
        event.stop()
        if self.display:
            self.post_message(self.Typed(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Tells of it; who asked closes it, where the text will do."""
        event.stop()
        self.post_message(self.Submitted(self, event.value))

    def action_cancel(self) -> None:
        """Tells of it, and hides."""
        self.close()
        self.post_message(self.Cancelled(self))
