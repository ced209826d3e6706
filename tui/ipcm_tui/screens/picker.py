"""Which bus to watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from ipcm_tui.models.buses import BusRow, bus_grid, merge
from ipcm_tui.models.formatting import printable
from ipcm_tui.screens.standing import stands
from ipcm_tui.source import Buses, Clock
from ipcm_tui.widgets.grid_view import GridView
from ipcm_tui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from ipcm_tui.app import ConsoleApp

__all__ = ["PickerScreen"]

_LOOK: Final = 1.0


class PickerScreen(Screen[None]):
    """Lists the buses for as long as it is open, and opens one.

    Args:
        buses: where to look.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="picker.back"),
        Binding("q", "app.quit", "Quit", id="picker.quit"),
    ]

    def __init__(self, buses: Buses, clock: Clock) -> None:
        super().__init__()
        self._buses = buses
        self._clock = clock
        self._rows: list[BusRow] = []

    def compose(self) -> ComposeResult:
        """A list, and what to do."""
        with Vertical(id="picker"):
            table: GridView[Any] = GridView(id="buses")
            table.border_title = "Buses"
            table.border_subtitle = "enter watches one"
            yield table
            yield Static(
                "What has lost its processes is swept away when it is found.", classes="keys"
            )
        yield KeyLine()

    def on_mount(self) -> None:
        """Looks now, and every second."""
        self.set_focus(self.query_one("#buses"))
        self.set_interval(_LOOK, self._look)
        self._look()

    def _look(self) -> None:
        if self.is_current:
            self.run_worker(self._update(), group="look", exclusive=True)

    async def _update(self) -> None:
        self._rows = merge(self._rows, await self._buses.look())
        if stands(self):
            self.draw()

    def draw(self) -> None:
        """Shows what was found."""
        grid = bus_grid(self._rows, self._clock.wall())
        self.query_one("#buses", GridView).show(grid, cast("ConsoleApp", self.app).palette)

    def on_line_table_opened(self) -> None:
        """Enter, or a second click."""
        key = self.query_one("#buses", GridView).selected
        row = next((row for row in self._rows if row.key == key), None)
        if row is None:
            return
        if row.stale:
            name = printable(row.facts.name)
            self.notify(f"{name} has ended; nothing is left of it.", markup=False)
            return
        cast("ConsoleApp", self.app).open_bus(row)

    def action_back(self) -> None:
        """To the bus that one came from, where there is one."""
        if len(self.app.screen_stack) > 1:
            self.dismiss()
