"""The console's own theme, and how tones become styles in any theme."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.theme import Theme

from ipcm_tui.models.cells import Tone

__all__ = ["IPCM_LIGHT", "IPCM_THEME", "ChosenTheme", "Palette"]

IPCM_THEME: Final = Theme(
    name="ipcm",
    primary="#5cc8d7",
    secondary="#7aa2f7",
    accent="#c4a7f5",
    success="#85d996",
    warning="#f0c060",
    error="#ff7a85",
    foreground="#d5dce8",
    background="#0d1117",
    surface="#11161e",
    panel="#1a212c",
    dark=True,
    variables={
        "border": "#5cc8d7",
        "border-blurred": "#2b3544",
        "footer-key-foreground": "#5cc8d7",
        "footer-background": "#11161e",
        "footer-description-foreground": "#93a0b4",
        "block-cursor-background": "#5cc8d7",
        "block-cursor-foreground": "#0d1117",
        "input-selection-background": "#5cc8d7 35%",
    },
)
"""Dark, calm, and readable on a bad screen."""

IPCM_LIGHT: Final = Theme(
    name="ipcm-light",
    primary="#00708a",
    secondary="#3a5fc8",
    accent="#7a4fc0",
    success="#1f7a37",
    warning="#8a6100",
    error="#c0313f",
    foreground="#20262f",
    background="#f7f8fa",
    surface="#eef0f4",
    panel="#e2e6ec",
    dark=False,
    variables={
        "border": "#00708a",
        "border-blurred": "#b9c2cf",
        "footer-key-foreground": "#00708a",
        "footer-background": "#eef0f4",
        "footer-description-foreground": "#5a6576",
        "block-cursor-background": "#00708a",
        "block-cursor-foreground": "#f7f8fa",
        "input-selection-background": "#00708a 30%",
    },
)
"""The theme by day."""


@dataclasses.dataclass(frozen=True, slots=True)
class Palette:
    """A style for each tone, under the theme of the moment."""

    styles: Mapping[Tone, Style]

    def __getitem__(self, tone: Tone) -> Style:
        return self.styles[tone]

    @classmethod
    def of(cls, app: App[Any]) -> Palette:
        """Reads the theme that the app has now."""
        variables = app.theme_variables

        def color(name: str) -> Color:
            return Color.parse(variables[name])

        def style(name: str, *, bold: bool = False) -> Style:
            return Style(color=color(name).rich_color, bold=bold)

        foreground, background = color("foreground"), color("background")
        if foreground.ansi is not None or background.ansi is not None:
            dim = Style(dim=True)
        else:
            dim = Style(color=foreground.blend(background, 0.48).rich_color)
        return cls(
            {
                "plain": style("foreground"),
                "dim": dim,
                "strong": style("foreground", bold=True),
                "good": style("success"),
                "warn": style("warning"),
                "bad": style("error"),
                "accent": style("accent"),
            }
        )


class ChosenTheme:
    """The theme that was chosen last, kept from one run to the next.

    Args:
        path: of the file with its name; None keeps nothing.

    Attributes:
        name: "" where none was chosen, or nobody can tell.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.name = ""
        self._path = path
        if path is not None:
            with contextlib.suppress(OSError, UnicodeError):
                self.name = path.read_text(encoding="utf-8").strip()

    def keep(self, name: str) -> None:
        """Remembers it. A disk that takes nothing is no reason not to choose one."""
        if name == self.name:
            return
        self.name = name
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._path.write_text(f"{name}\n", encoding="utf-8")
