"""Names that may be meant, below the field in which one is typed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ipcm_tui.models.formatting import printable

__all__ = ["OfferList"]


class OfferList(OptionList, can_focus=False):
    """Takes no focus: the field keeps it, and passes the arrows on."""

    class Picked(Message):
        """One was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._names: Sequence[str] = ()
        self.display = False

    @property
    def chosen(self) -> str | None:
        """The highlighted name."""
        at = self.highlighted
        return self._names[at] if at is not None and at < len(self._names) else None

    @property
    def first(self) -> str | None:
        """The likeliest."""
        return self._names[0] if self._names else None

    def offer(self, names: Sequence[str], typed: bool) -> None:
        """Shows other names; the first is highlighted where something is `typed`."""
        if list(names) != list(self._names):
            self._names = list(names)
            self.clear_options()
            self.add_options([Option(printable(name)) for name in names])
        self.highlighted = 0 if names and typed else None
        self.display = bool(names)

    def move(self, by: int) -> None:
        """Highlights another one."""
        at = self.highlighted
        if self._names:
            self.highlighted = 0 if at is None else min(max(at + by, 0), len(self._names) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click."""
        event.stop()
        self.post_message(self.Picked(self._names[event.option_index]))
