"""The list of all actions, and that of the themes."""

from __future__ import annotations

import contextlib

from textual.app import App
from textual.command import CommandPalette
from textual.theme import ThemeProvider

__all__ = ["PaletteApp", "PaletteScreen"]


class PaletteScreen(CommandPalette):
    """Outlives a key for the next page that comes before there is one: of that Textual's own dies,
    until it has laid out what it found.
    """

    def _action_command_list(self, action: str) -> None:
        with contextlib.suppress(KeyError):
            super()._action_command_list(action)


class PaletteApp(App[int]):
    """Opens these."""

    def action_command_palette(self) -> None:
        """See `App`."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(PaletteScreen(id="--command-palette"))

    def search_themes(self) -> None:
        """See `App`."""
        self.push_screen(PaletteScreen([ThemeProvider], placeholder="Search for themes…"))
