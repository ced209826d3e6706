"""The base of the screens that show a bus as it is now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.screen import Screen

from ipcm_tui.models.traffic import Row
from ipcm_tui.screens.pair import PairScreen
from ipcm_tui.session import Session
from ipcm_tui.widgets.prompt_bar import PromptBar
from ipcm_tui.widgets.traffic_view import TrafficView

if TYPE_CHECKING:
    from ipcm_tui.app import ConsoleApp

__all__ = ["LiveScreen"]


class LiveScreen(Screen[None]):
    """Draws itself when it is told, and works on the traffic that it shows.

    Args:
        session: whose bus.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", tooltip="Hold the traffic still, or follow", id="pause"),
        Binding("f", "find", "Find", show=False, tooltip="Find text in the traffic", id="find"),
        Binding("r", "replay", "Send again", show=False, tooltip="Send a request again",
                id="replay"),
        Binding("e", "edit", "Edit and send", show=False, tooltip="Edit a request, send it again",
                id="replay.edit"),
        Binding("escape", "back", "Back", show=False, tooltip="Back, one step", id="back"),
    ]  # fmt: skip

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    @property
    def console(self) -> ConsoleApp:
        """The app."""
        return cast("ConsoleApp", self.app)

    def draw(self) -> None:
        """Shows what is new; called ten times a second at the most."""
        raise NotImplementedError

    def traffic_view(self) -> TrafficView | None:
        """The list of traffic that keys work on, where one is shown."""
        return next((view for view in self.query(TrafficView) if view.display), None)

    def prompts(self) -> Iterable[PromptBar]:
        """Those that can be seen where they are open."""
        return self.query(PromptBar)

    def row(self) -> Row | None:
        """The row of traffic that is selected."""
        view = self.traffic_view()
        return None if view is None else view.selected

    def on_resize(self) -> None:
        """What fits is another matter, once everything has its place."""
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        if self.focused is None or not self.focused.display:
            self.focus_list()
        self.console.touch()

    def focus_list(self) -> None:
        """Gives the focus to what keys are for, where what had it has no room any more."""

    def on_line_table_moved(self) -> None:
        """Another selection may want other details."""
        self.console.touch()

    def open_row(self) -> None:
        """Both payloads of the selected row."""
        row = self.row()
        if row is not None:
            self.app.push_screen(PairScreen(self.session, row, self.console.palette))

    # Traffic

    def action_pause(self) -> None:
        """Holds the traffic still, or lets it go."""
        view = self.traffic_view()
        if view is None:
            return
        if view.window.paused:
            view.follow()
        else:
            view.pause()

    def action_find(self) -> None:
        """Asks for a text to look for."""
        view = self.traffic_view()
        if view is not None:
            self.query_one("#find", PromptBar).ask(view.finding)

    def on_prompt_bar_submitted(self, event: PromptBar.Submitted) -> None:
        """Looks for it, from the newest on."""
        view = self.traffic_view()
        if event.bar.id == "find" and view is not None:
            if not view.find(event.text):
                about = f"nothing here mentions {event.text!r}"
                self.notify(about, severity="warning", markup=False)
            event.bar.close()
            self.set_focus(view)

    def action_replay(self) -> None:
        """Sends the selected request again, as it was."""
        view = self.traffic_view()
        if view is not None and view.window.rows and not view.window.paused:
            # The newest is another one by the time a key is pressed.
            view.pause()
            self.set_focus(view)
            self.notify("the traffic is held: choose a row, and send that again")
            return
        self.console.replay(self.session, self.row(), edit=False)

    def action_edit(self) -> None:
        """Opens the composer with the selected request."""
        self.console.replay(self.session, self.row(), edit=True)

    def action_back(self) -> None:
        """Undoes the last thing that keeps one from where one was."""
        if not self.step_back() and len(self.app.screen_stack) > 1:
            self.dismiss()

    def step_back(self) -> bool:
        """Closes a prompt, or follows the traffic again; False where neither is to be done."""
        for bar in self.prompts():
            if bar.display:
                bar.close()
                return True
        view = self.traffic_view()
        if view is not None and view.window.paused:
            view.find("")
            view.follow()
            return True
        return False
