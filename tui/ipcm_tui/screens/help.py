"""What the keys do, and what the signs mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen

from ipcm_tui.models.cells import STATE_MARKS, STATUS_MARKS
from ipcm_tui.models.glossary import Glossary
from ipcm_tui.screens.overlay import Overlay
from ipcm_tui.theme import Palette
from ipcm_tui.widgets.glossary_view import GlossaryView

__all__ = ["HelpScreen", "keys_of"]

_STATES = {
    "starting": "on the bus, its start callback has not returned",
    "up": "answers",
    "busy": "has not answered for more than a second",
    "ending": "has left its loop and cleans up",
    "gone": "left (ended, where it said so); stays until it is cleared away",
}
_STATUSES = {
    "ok": "answered",
    "error": "answered with an error, or ended with one",
    "open": "not answered, or not ended, yet",
    "lost": "a side left before the answer",
    "missed": "events were dropped: it may have been answered",
    "sent": "needs no answer",
}
_FIGURES = {
    "up": "since it joined the bus",
    "wrk, sig, open": "live workers, signals got, requests not answered",
    "req/s": "answered per second, over the last ten seconds",
    "p50, p95": "half, or 95 %, of its answers took no longer",
    "back": "messages that its peers have not taken yet",
    "err": "failed requests, and failures of other callbacks",
    "last minute": "answered in each second",
}


_SORT = "Sort by "
_ORDERS = "Order by a column; again: the other way round, then as before"


class HelpScreen(Overlay[None]):
    """Lists keys as they are bound now.

    Args:
        keys: key and what it does.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "dismiss", "Close", id="help.close"),
    ]

    def __init__(self, keys: list[tuple[str, str]], palette: Palette) -> None:
        super().__init__()
        self._keys = keys
        self._palette = palette

    def compose(self) -> ComposeResult:
        """A box to scroll through."""
        box = VerticalScroll(classes="box tall")
        box.border_title = "Help"
        box.border_subtitle = "esc closes"
        with box:
            yield GlossaryView(self._glossary(), self._palette)

    def _glossary(self) -> Glossary:
        orders = [each for each in self._keys if each[1].startswith(_SORT)]
        keys = {"Keys": [each for each in self._keys if each not in orders]}
        if orders:
            keys[_ORDERS] = [(key, about.removeprefix(_SORT)) for key, about in orders]
        return keys | {
            "Services and peers": [
                (f"{mark} {state}", _STATES[state]) for state, (mark, _) in STATE_MARKS.items()
            ],
            "Figures": list(_FIGURES.items()),
            "Traffic": [
                (f"{mark} {word}", _STATUSES[word])
                for mark, word, _ in STATUS_MARKS.values()
                if word
            ],
        }


def keys_of(screen: Screen[Any], display: Callable[[Binding], str]) -> list[tuple[str, str]]:
    """The keys that work on a screen, by what they do, its own before those of the rest.

    Args:
        display: how a key is written.
    """
    keys: dict[str, list[str]] = {}
    # Those without an id are Textual's own, and either obvious or of no use here.
    bindings = screen.active_bindings.values()
    active = [each for each in bindings if each.binding.id and each.enabled]
    active.sort(key=lambda each: each.node is not screen)
    for binding in (each.binding for each in active):
        if binding.description and not binding.system:
            about = binding.tooltip or binding.description
            keys.setdefault(about, []).append(display(binding))
    return [(", ".join(dict.fromkeys(names)), about) for about, names in keys.items()]
