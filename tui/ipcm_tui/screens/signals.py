"""Which signal to send."""

from __future__ import annotations

from signal import Signals
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from ipcm.console.fuzzy import rank
from ipcm_tui.screens.overlay import Overlay
from ipcm_tui.widgets.captions import entitle

__all__ = ["SignalScreen"]

_COMMON: Final = {
    "SIGHUP": "by custom: read the settings again",
    "SIGUSR1": "for the service to define",
    "SIGUSR2": "for the service to define",
    "SIGINT": "as Ctrl-C; services do not heed it",
    "SIGTERM": "end in order; a second one at once",
    "SIGQUIT": "end, with a core dump",
    "SIGSTOP": "stand still; nobody can catch it",
    "SIGCONT": "go on",
    "SIGKILL": "die at once; nobody can catch it",
}


class SignalScreen(Overlay[Signals | None]):
    """Returns the signal, or None.

    Args:
        names: for whom.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="signals.cancel"),
        Binding("down", "move(1)", "Down", show=False, id="signals.down"),
        Binding("up", "move(-1)", "Up", show=False, id="signals.up"),
    ]

    def __init__(self, names: str) -> None:
        super().__init__()
        self._names = names
        common = list(_COMMON)
        self._all = common + [each.name for each in Signals if each.name not in _COMMON]

    def compose(self) -> ComposeResult:
        """A field to type into, and the list below it."""
        box = Vertical(classes="box picker")
        entitle(box, f"Signal to {self._names}")
        box.border_subtitle = "enter sends   esc cancels"
        with box:
            yield Input(placeholder="name or number", id="signal-name")
            yield OptionList(id="signal-list")

    def on_mount(self) -> None:
        """Nothing is chosen before somebody types or moves."""
        self.query_one("#signal-list", OptionList).can_focus = False
        self.set_focus(self.query_one(Input))
        self._offer("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Fewer are left."""
        self._offer(event.value.strip())

    def _offer(self, text: str) -> None:
        if text.isdecimal():
            names = [each.name for each in Signals if str(int(each)) == text]
        else:
            names = rank(text.upper(), self._all, str)
        listed = self.query_one("#signal-list", OptionList)
        listed.clear_options()
        listed.add_options(
            Option(f"{Signals[name].value:>3}  {name:<10} {_COMMON.get(name, '')}", id=name)
            for name in names
        )
        listed.highlighted = 0 if names and text else None

    def action_move(self, by: int) -> None:
        """Another one in the list."""
        listed = self.query_one("#signal-list", OptionList)
        if not listed.option_count:
            return
        at = listed.highlighted
        listed.highlighted = 0 if at is None else min(max(at + by, 0), listed.option_count - 1)

    def on_input_submitted(self) -> None:
        """The highlighted one."""
        listed = self.query_one("#signal-list", OptionList)
        if listed.highlighted is None:
            self.app.bell()
            return
        self._pick(listed.get_option_at_index(listed.highlighted).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click."""
        self._pick(event.option.id)

    def _pick(self, name: str | None) -> None:
        if name is not None:
            self.dismiss(Signals[name])
