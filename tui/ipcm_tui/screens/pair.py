"""A request and its response, both payloads side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from ipcm_tui.models.detail import Detail
from ipcm_tui.models.pair import pair_detail
from ipcm_tui.models.traffic import Row
from ipcm_tui.screens.overlay import Overlay
from ipcm_tui.screens.standing import stands
from ipcm_tui.session import Session
from ipcm_tui.theme import Palette
from ipcm_tui.widgets.captions import entitle
from ipcm_tui.widgets.detail_pane import DetailPane, draw_detail

if TYPE_CHECKING:
    from ipcm_tui.app import ConsoleApp

__all__ = ["PairScreen"]


class PairScreen(Overlay[None]):
    """Stays on its row, and shows the response once it comes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", id="pair.close"),
        Binding("r", "replay(False)", "Send again", id="pair.replay"),
        Binding("e", "replay(True)", "Edit and send", id="pair.edit"),
        Binding("y", "copy", "Copy", id="pair.copy"),
    ]

    def __init__(self, session: Session, row: Row, palette: Palette) -> None:
        super().__init__()
        self._session = session
        self._row = row
        self._palette = palette
        self._can_be_sent = row.can_be_sent and not session.read_only and session.over is None

    def compose(self) -> ComposeResult:
        """The facts above; what was asked at the left, what was answered at the right."""
        box = Vertical(classes="box pair")
        box.border_title = "Traffic"
        keys = "r sends it again   e edits it first   " if self._can_be_sent else ""
        box.border_subtitle = f"{keys}y copies   esc closes"
        with box:
            yield Static(id="pair-facts")
            with Horizontal(id="pair-sides"):
                yield DetailPane(id="pair-left")
                yield DetailPane(id="pair-right")

    def on_mount(self) -> None:
        """Draws it now, and again as long as it is open."""
        self.set_focus(self.query_one("#pair-left"))
        self._draw()
        self.set_interval(0.5, self._redraw)

    def _redraw(self) -> None:
        if stands(self):
            self._draw()

    def _draw(self) -> None:
        session, row = self._session, self._row
        state = session.traffic.state_of(row)
        facts, left, right = pair_detail(row, state, session.source.name, session.clock.zone)
        self.query_one("#pair-facts", Static).update(
            draw_detail(Detail("", facts.sections), self._palette)
        )
        entitle(self.query_one(".box", Vertical), facts.title)
        self.query_one("#pair-left", DetailPane).show(left, self._palette)
        right_pane = self.query_one("#pair-right", DetailPane)
        right_pane.display = right is not None
        if right is not None:
            right_pane.show(right, self._palette)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys work."""
        return action != "replay" or self._can_be_sent

    def action_replay(self, edit: bool) -> None:
        """Sends it again, or opens the composer with it."""
        app = cast("ConsoleApp", self.app)
        self.dismiss()
        app.replay(self._session, self._row, edit=edit)

    def action_copy(self) -> None:
        """Offers what can be copied."""
        cast("ConsoleApp", self.app).offer_copies(self._session, self._row)
