"""What there is room for."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.app import App
from textual.geometry import Size

__all__ = ["SizedApp"]

_WIDE: Final = 110
_TALL: Final = 36
"""From so many columns and lines on there is room for more at once."""

_TINY: Final = 16
"""With fewer lines there is room for one thing only."""

_LEAST: Final = Size(16, 4)


class SizedApp(App[int]):
    """Tells the style sheet what there is room for."""

    async def on_event(self, event: events.Event) -> None:
        """See `App`. A terminal of a few columns is drawn on as if it were larger: Textual cannot
        wrap texts into no columns, and nobody could read them.
        """
        if isinstance(event, events.Resize):
            width, height = event.size
            size = Size(max(width, _LEAST.width), max(height, _LEAST.height))
            event = events.Resize(size, size)
        await super().on_event(event)

    def on_resize(self, event: events.Resize) -> None:
        """Tells the style sheet what there is room for.

        Textual's own breakpoints are classes of each screen, given to it once it has been laid
        out, so that each would be styled and laid out twice before it can be seen.
        """
        width, height = event.size
        self.set_class(width < _WIDE, "-narrow")
        self.set_class(height >= _TALL, "-tall")
        self.set_class(height < _TALL, "-short")
        self.set_class(height < _TINY, "-tiny")
