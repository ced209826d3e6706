"""The traffic of the whole bus, on the whole screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ipcm_tui.models.formatting import printable
from ipcm_tui.models.window import Window
from ipcm_tui.screens.live import LiveScreen
from ipcm_tui.session import Session
from ipcm_tui.widgets.captions import entitle
from ipcm_tui.widgets.key_line import KeyLine
from ipcm_tui.widgets.prompt_bar import PromptBar
from ipcm_tui.widgets.traffic_view import TrafficView

__all__ = ["TrafficScreen"]


class TrafficScreen(LiveScreen):
    """All services merged, the newest last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find", key_display="/", tooltip="Find text", id="traffic.slash"),
        Binding("q", "dismiss", "Back", id="traffic.close"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.window = Window(session.traffic)

    def compose(self) -> ComposeResult:
        """One list."""
        session = self.session
        view = TrafficView(
            self.window, me=session.source.name, zone=session.clock.zone, id="whole"
        )  # fmt: skip
        entitle(view, f"Traffic of {printable(session.facts.name)}")
        yield view
        yield PromptBar("find", "text in the traffic", id="find")
        yield KeyLine()

    def on_mount(self) -> None:
        """The list is what keys are for."""
        self.set_focus(self.query_one(TrafficView))

    def draw(self) -> None:
        """See `LiveScreen`."""
        self.query_one(TrafficView).show(self.console.palette)

    def on_line_table_opened(self) -> None:
        """Enter, or a second click."""
        self.open_row()

    def on_prompt_bar_cancelled(self) -> None:
        """Back to the list."""
        self.set_focus(self.query_one(TrafficView))
