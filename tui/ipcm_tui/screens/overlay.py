"""What opens on top of a screen, which stays to be seen below, dimmed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import ClassVar, TypeVar

from rich.console import RenderableType
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen

__all__ = ["Dimmed", "Overlay"]

T = TypeVar("T")


class Overlay(ModalScreen[T]):
    """A box, and below it the screen that it came from.

    To blend the colours of each piece of the screen below is most of what a picture with a box
    costs; they are few, and blended once here.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # The keys of the app end at what is modal; a text area has it for itself, and undoes.
        Binding("ctrl+z", "app.suspend_process", "Suspend", show=False, id="suspend.box"),
    ]

    def render(self) -> RenderableType:
        """See `Screen`."""
        below = super().render()
        if isinstance(below, BackgroundScreen):
            return Dimmed(below.screen, below.color)
        return below


class Dimmed(BackgroundScreen):
    """See `BackgroundScreen`."""

    @classmethod
    def process_segments(cls, segments: Iterable[Segment], color: Color) -> Iterable[Segment]:
        """See `BackgroundScreen`."""
        for segment in segments:
            text, style, control = segment
            yield segment if control else Segment(text, _dimmed(style or Style.null(), color))


@lru_cache(maxsize=1024)
def _dimmed(style: Style, over: Color) -> Style:
    ((_, dimmed, _),) = BackgroundScreen.process_segments([Segment(" ", style)], over)
    return dimmed or style
