"""The line at the bottom: the keys that work now.

Textual's own footer makes a widget of every key, and all of them anew whenever the focus moves:
that was half of what this console spent on a key press.
"""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from ipcm_tui.models.key_line import Offer, offer_at, place_offers

__all__ = ["KeyLine"]

_STEP = 4
"""Cells that the wheel moves by, where there is no room for all keys."""


class KeyLine(Widget):
    """See the module. A click on a key presses it."""

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "key-line--key",
        "key-line--about",
        "key-line--hover",
        "key-line--edge",
    }

    def __init__(self) -> None:
        super().__init__()
        self._offers: list[Offer] = []
        self._last: Offer | None = None
        self._hovered: Offer | None = None
        self._scrolled = 0

    def on_mount(self) -> None:
        """Hears of other keys: the focus moved, or something else works now."""
        self.screen.bindings_updated_signal.subscribe(self, self._take)

    def _take(self, screen: Screen[object]) -> None:
        # A terminal that is left for another takes the focus away, and gives it back.
        if screen is not self.screen or not self.app.app_focus:
            return
        offers: dict[str, Offer] = {}
        last = None
        for _, binding, works, tooltip in screen.active_bindings.values():
            if binding.key == self.app.COMMAND_PALETTE_BINDING:
                last = self._offer(binding, works, binding.tooltip or binding.description)
            elif binding.show:
                offers.setdefault(binding.action, self._offer(binding, works, tooltip))
        if (found := list(offers.values()), last) != (self._offers, self._last):
            self._offers, self._last = found, last
            self._turn_to(self._scrolled)

    def _offer(self, binding: Binding, works: bool, tooltip: str) -> Offer:
        shown = self.app.get_key_display(binding)
        return Offer(binding.key, shown, binding.description, tooltip, works)

    # Drawing

    def render_line(self, y: int) -> Strip:
        """The keys, and the palette's at the end."""
        del y
        keys = [part for place in place_offers(self._offers) for part in self._draw(place.offer)]
        room = self._room()
        line = Strip(keys).crop(self._scrolled, self._scrolled + room)
        return Strip([*line.adjust_cell_length(room, self.rich_style), *self._draw_last()])

    def _draw(self, offer: Offer) -> list[Segment]:
        key, about = offer.words
        return [
            Segment(key, self._style("key-line--key", offer)),
            Segment(about, self._style("key-line--about", offer)),
        ]

    def _draw_last(self) -> list[Segment]:
        if self._last is None:
            return []
        edge = Segment("▏", self.get_component_rich_style("key-line--edge"))
        key, about = self._draw(self._last)
        return [edge, Segment(key.text[1:], key.style), about]  # the edge takes a cell of it

    def _style(self, component: str, offer: Offer) -> Style:
        style = self.get_component_rich_style(component)
        if offer == self._hovered:
            hover = self.get_component_rich_style("key-line--hover")
            style += Style(bgcolor=hover.bgcolor)
        return style if offer.works else style + Style(dim=True)

    def _room(self) -> int:
        """Cells for all but the palette's key, which always keeps its place."""
        last = place_offers([self._last])[0].end if self._last is not None else 0
        return max(self.size.width - last, 0)

    # The mouse

    def _at(self, x: int) -> Offer | None:
        if x < self._room():
            return offer_at(place_offers(self._offers), x + self._scrolled)
        return self._last

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tells more of what is pointed at."""
        self._hover(self._at(event.x))

    def on_leave(self) -> None:
        """Nothing is."""
        self._hover(None)

    def _hover(self, offer: Offer | None) -> None:
        if offer != self._hovered:
            self._hovered = offer
            self.tooltip = offer.tooltip if offer is not None else None
            self.refresh()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Presses the key."""
        offer = self._at(event.x)
        if offer is not None and offer.works:
            self.app.simulate_key(offer.key)
        elif offer is not None:
            self.app.bell()

    def on_mouse_scroll_down(self) -> None:
        """To the right."""
        self._turn_to(self._scrolled + _STEP)

    def on_mouse_scroll_up(self) -> None:
        """To the left."""
        self._turn_to(self._scrolled - _STEP)

    def on_resize(self) -> None:
        """There is other room."""
        self._turn_to(self._scrolled)

    def _turn_to(self, cell: int) -> None:
        places = place_offers(self._offers)
        most = (places[-1].end if places else 0) - self._room()
        self._scrolled = max(min(cell, most), 0)
        self.refresh()
