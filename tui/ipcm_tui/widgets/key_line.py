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

from ipcm_tui.models.key_line import MORE, Offer, OfferPlace, fit_offers, offer_at, place_offers

__all__ = ["KeyLine"]

_KEPT = ("help", "command_palette")
"""Actions whose keys lead to all others: on the right, also where there is no room for all."""


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
        self._kept: list[Offer] = []
        self._hovered: Offer | None = None
        self._first = 0

    def on_mount(self) -> None:
        """Hears of other keys: the focus moved, or something else works now."""
        self.screen.bindings_updated_signal.subscribe(self, self._take)

    def _take(self, screen: Screen[object]) -> None:
        # A terminal that is left for another takes the focus away, and gives it back.
        if screen is not self.screen or not self.app.app_focus:
            return
        offers: dict[str, Offer] = {}
        kept: dict[str, Offer] = {}
        for _, binding, works, tooltip in screen.active_bindings.values():
            place = kept if binding.action in _KEPT else offers
            if binding.show or binding.key == self.app.COMMAND_PALETTE_BINDING:
                place.setdefault(binding.action, self._offer(binding, works, tooltip))
        found = list(offers.values()), [kept[action] for action in _KEPT if action in kept]
        if found != (self._offers, self._kept):
            self._offers, self._kept = found
            self._turn_to(0)

    def _offer(self, binding: Binding, works: bool, tooltip: str) -> Offer:
        shown = self.app.get_key_display(binding)
        return Offer(binding.key, shown, binding.description, tooltip, works)

    # Drawing

    def render_line(self, y: int) -> Strip:
        """The keys, and at the end those that lead to all others."""
        del y
        room = self._room()
        places, more = fit_offers(self._offers, self._first, room)
        keys = [part for place in places for part in self._draw(place.offer)]
        if more and room:
            keys.append(Segment(MORE, self.get_component_rich_style("key-line--about")))
        line = Strip(keys).adjust_cell_length(room, self.rich_style)
        return Strip([*line, *self._draw_kept()]).crop(0, self.size.width)

    def _draw(self, offer: Offer) -> list[Segment]:
        key, about = offer.words
        return [
            Segment(key, self._style("key-line--key", offer)),
            Segment(about, self._style("key-line--about", offer)),
        ]

    def _draw_kept(self) -> list[Segment]:
        parts = [part for offer in self._kept for part in self._draw(offer)]
        if not parts:
            return []
        edge = Segment("▏", self.get_component_rich_style("key-line--edge"))
        first = parts[0]
        return [edge, Segment(first.text[1:], first.style), *parts[1:]]  # it takes a cell of it

    def _style(self, component: str, offer: Offer) -> Style:
        style = self.get_component_rich_style(component)
        if offer == self._hovered:
            hover = self.get_component_rich_style("key-line--hover")
            style += Style(bgcolor=hover.bgcolor)
        return style if offer.works else style + Style(dim=True)

    def _room(self) -> int:
        """Cells for all but those that always keep their place."""
        kept = place_offers(self._kept)
        return max(self.size.width - (kept[-1].end if kept else 0), 0)

    # The mouse

    def _places(self) -> list[OfferPlace]:
        room = self._room()
        return [*fit_offers(self._offers, self._first, room)[0], *place_offers(self._kept, room)]

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tells more of what is pointed at."""
        self._hover(offer_at(self._places(), event.x))

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
        offer = offer_at(self._places(), event.x)
        if offer is not None and offer.works:
            self.app.simulate_key(offer.key)
        elif offer is not None:
            self.app.bell()

    def on_mouse_scroll_down(self) -> None:
        """To those further right."""
        if fit_offers(self._offers, self._first, self._room())[1]:
            self._turn_to(self._first + 1)

    def on_mouse_scroll_up(self) -> None:
        """To those further left."""
        self._turn_to(max(self._first - 1, 0))

    def on_resize(self) -> None:
        """There is other room."""
        self._turn_to(0)

    def _turn_to(self, first: int) -> None:
        self._first = first
        self.refresh()
