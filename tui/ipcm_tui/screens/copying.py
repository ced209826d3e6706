"""Which action to copy, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ipcm_tui.models.formatting import printable
from ipcm_tui.models.phrases import Phrase
from ipcm_tui.screens.overlay import Overlay
from ipcm_tui.theme import Palette

__all__ = ["CopyScreen"]


class CopyScreen(Overlay[tuple[str, str]]):
    """Returns what it is called and the text, to be copied.

    Args:
        phrases: at least one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c,enter", "copy('cli')", "As a command", priority=True, id="copy.cli"),
        Binding("p", "copy('python')", "As Python", id="copy.python"),
        Binding("m", "copy('magic')", "As a notebook magic", id="copy.magic"),
        Binding("escape,q", "dismiss", "Close", id="copy.close"),
    ]

    def __init__(self, phrases: Sequence[Phrase], palette: Palette) -> None:
        super().__init__()
        self._phrases = list(phrases)
        self._palette = palette

    def compose(self) -> ComposeResult:
        """The actions; below them the words for the selected one."""
        box = Vertical(classes="box picker wide")
        box.border_title = "Copy as"
        box.border_subtitle = "c command   p Python   m magic   esc closes"
        with box:
            yield OptionList(
                *(Option(printable(each.action)) for each in self._phrases),
                markup=False, id="actions",
            )  # fmt: skip
            yield Static(id="words")

    def on_mount(self) -> None:
        """The first is the likeliest."""
        actions = self.query_one(OptionList)
        actions.highlighted = 0
        self.set_focus(actions)
        self._show(0)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Other words."""
        self._show(event.option_index)

    def _show(self, index: int) -> None:
        phrase, text = self._phrases[index], Text()
        for key, words in (("c", phrase.cli), ("p", phrase.python), ("m", phrase.magic)):
            text.append(f" {key}  ", style=self._palette["accent"])
            text.append(printable(words) + "\n", style=self._palette["plain"])
        self.query_one("#words", Static).update(text)

    def action_copy(self, way: str) -> None:
        """Takes it."""
        phrase = self._phrases[self.query_one(OptionList).highlighted or 0]
        self.dismiss((phrase.action, getattr(phrase, way)))
