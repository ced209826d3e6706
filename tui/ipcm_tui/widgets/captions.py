"""Texts in the frames of widgets."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

__all__ = ["entitle", "subtitle"]


def entitle(widget: Widget, text: str) -> None:
    """Puts a text into the upper edge, as it is; where it stands there already nothing is drawn."""
    content = Content(text)
    if content.markup != (widget.border_title or ""):
        widget.border_title = content


def subtitle(widget: Widget, text: str) -> None:
    """The same at the lower edge."""
    content = Content(text)
    if content.markup != (widget.border_subtitle or ""):
        widget.border_subtitle = content
