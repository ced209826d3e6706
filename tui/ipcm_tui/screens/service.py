"""All about one service, on tabs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static, Tab, Tabs

from ipcm.console.live import EndpointDescription
from ipcm_tui.models.cells import STATE_MARKS, state_text
from ipcm_tui.models.compose import Draft, arguments_template
from ipcm_tui.models.detail import Detail, Section, as_lines, halves, peer_detail
from ipcm_tui.models.formatting import format_duration, printable, squeeze
from ipcm_tui.models.peers import Peer, PeerKey
from ipcm_tui.models.tabs import (
    delta_grid,
    endpoint_grid,
    error_grid,
    peer_grid,
    signal_grid,
    worker_grid,
)
from ipcm_tui.models.traffic import Row
from ipcm_tui.models.window import Window
from ipcm_tui.screens.acting import ActingScreen
from ipcm_tui.session import Session
from ipcm_tui.widgets.charts import Charts
from ipcm_tui.widgets.detail_pane import DetailPane
from ipcm_tui.widgets.grid_view import GridView
from ipcm_tui.widgets.key_line import KeyLine
from ipcm_tui.widgets.line_table import LineTable
from ipcm_tui.widgets.output_view import OutputView
from ipcm_tui.widgets.prompt_bar import PromptBar
from ipcm_tui.widgets.traffic_view import TrafficView

__all__ = ["TABS", "ServiceScreen"]

TABS = (
    "overview", "traffic", "peers", "workers", "signals", "errors", "output", "endpoints",
)  # fmt: skip

_TAB = "tab-"
_NAME = 16


class ServiceScreen(ActingScreen):
    """Stays on one life of a name, also when that has ended.

    Args:
        key: whose.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket", "turn(1)", "Next tab", key_display="]", id="service.next"),
        Binding("left_square_bracket", "turn(-1)", "Previous tab", key_display="[", show=False,
                id="service.previous"),
        Binding("slash", "find", "Find", key_display="/", tooltip="Find text", id="service.find"),
        Binding("q", "dismiss", "Back", id="service.close"),
        *(
            Binding(str(number), f"tab('{name}')", f"To {name}", show=False,
                    id=f"service.{name}")
            for number, name in enumerate(TABS, 1)
        ),
    ]  # fmt: skip

    def __init__(self, session: Session, key: PeerKey) -> None:
        super().__init__(session)
        self.key = key
        self.window = Window(session.traffic, self._concerns)
        self._endpoints: dict[str, EndpointDescription] = {}
        self._last = session.peers.get(key)

    @property
    def peer(self) -> Peer | None:
        """Whom it is about; as it was last, where it has been cleared away."""
        self._last = self.session.peers.get(self.key) or self._last
        return self._last

    def chosen(self) -> Sequence[Peer]:
        """See `ActingScreen`."""
        return [self.peer] if self.peer is not None else []

    def _concerns(self, row: Row) -> bool:
        return self.key.name in (row.source, row.target)

    def compose(self) -> ComposeResult:
        """A line about it, and the tabs, the first of them with what is on it."""
        yield Static(id="service-line")
        yield _TabLine(*(Tab(name.capitalize(), id=f"{_TAB}{name}") for name in TABS), id="tabs")
        with ContentSwitcher(initial=TABS[0], id="panes"), _pane(TABS[0]):
            yield from self._contents(TABS[0])
        yield KeyLine()

    def _contents(self, tab: str) -> Sequence[Widget]:
        session = self.session
        match tab:
            case "overview":
                panes = Horizontal(DetailPane(id="facts"), DetailPane(id="lists"), id="details")
                return Charts(id="charts"), panes
            case "traffic":
                view = TrafficView(
                    self.window, me=session.source.name, zone=session.clock.zone,
                    hints=("No traffic yet.",), id="service-traffic",
                )  # fmt: skip
                return view, PromptBar("find", "text in the traffic", id="find")
            case "peers":
                peers, deltas = GridView[Any](id="service-peers"), GridView[Any](id="deltas")
                peers.border_title, deltas.border_title = "Peers and backlog", "Came and left"
                return peers, deltas
            case "errors":
                return GridView[Any](id="service-errors"), DetailPane(id="traceback")
            case "output":
                output = OutputView(session, self.key, id="service-output")
                return output, PromptBar("find", "text in the output", id="find-output")
            case _:
                return (GridView[Any](id=f"service-{tab}"),)

    def on_mount(self) -> None:
        """Asks the service what it offers."""
        self.focus_list()
        self.run_worker(self._describe(), group="describe")

    async def _describe(self) -> None:
        peer = self.peer
        if peer is not None and not peer.is_gone:
            self._endpoints = await self.session.asker.endpoints(peer.name)
            self.console.touch()

    # Drawing

    def draw(self) -> None:
        """See `LiveScreen`: only what is seen."""
        peer = self.peer
        if peer is None:
            return
        self._draw_line(peer)
        palette, session = self.console.palette, self.session
        zone, me, snapshot = session.clock.zone, session.source.name, peer.snapshot
        match self.tab:
            case "overview":
                charts = self.query_one("#charts", Charts)
                charts.set_class(not peer.is_service, "-empty")
                charts.show(peer, palette)
                self._draw_details(peer)
            case "traffic":
                self.query_one("#service-traffic", TrafficView).show(palette)
            case "peers":
                self._grid("service-peers").show(peer_grid(peer, me), palette)
                self._grid("deltas").show(delta_grid(peer, zone, me), palette)
            case "workers":
                now = session.clock.wall()
                grid = worker_grid(snapshot, lambda pid: session.processes.usage(pid, now), zone)
                self._grid("service-workers").show(grid, palette)
            case "signals":
                self._grid("service-signals").show(signal_grid(peer, zone), palette)
            case "errors":
                self._grid("service-errors").show(error_grid(peer, zone), palette)
                self._draw_traceback(peer)
            case "output":
                self.query_one(OutputView).show(palette)
            case "endpoints":
                grid = endpoint_grid(snapshot, self._endpoints)
                self._grid("service-endpoints").show(grid, palette)

    def _draw_details(self, peer: Peer) -> None:
        pane, lists = (self.query_one(id, DetailPane) for id in ("#facts", "#lists"))
        wide = not self.app.has_class("-narrow")
        session, palette = self.session, self.console.palette
        columns = (lists if wide else pane).columns
        now, zone = session.clock.wall(), session.clock.zone
        detail = peer_detail(peer, now, zone, session.source.name, columns)
        facts, rest = halves(detail)
        lists.display = wide and bool(rest.sections)
        if lists.display:
            lists.show(rest, palette)
        pane.show(facts if lists.display else detail, palette)

    def _draw_line(self, peer: Peer) -> None:
        palette = self.console.palette
        up = format_duration(peer.uptime(self.session.clock.wall()))
        state, rest = f" {state_text(peer)} ", f"  pid {peer.pid}  up {up}  {peer.how}"
        line = Text(" ", no_wrap=True)
        # A long name leaves room for what it is about.
        room = max(self.size.width - cell_len(state) - cell_len(rest) - 3, _NAME)
        line.append(f"{squeeze(printable(peer.name), room)} ", style=palette["strong"])
        line.append(state, style=palette[STATE_MARKS[peer.state][1]])
        line.append(rest, style=palette["dim"])
        bus = f"{printable(self.session.facts.name)} "
        room = self.size.width - line.cell_len - len(bus) - 2
        if room > 0:
            line.append(" " * room + bus, style=palette["dim"])
        self.query_one("#service-line", Static).update(line, layout=False)

    def _draw_traceback(self, peer: Peer) -> None:
        key = self._grid("service-errors").selected
        pane = self.query_one("#traceback", DetailPane)
        pane.display = key is not None
        if key is not None and key[0] < len(peer.errors):
            error = peer.errors[key[0]]
            lines = as_lines(error.traceback or error.error)
            title = f"{printable(error.where)}"
            pane.show(Detail(title, (Section("", lines=lines),)), self.console.palette)

    def _grid(self, id: str) -> GridView[Any]:
        return self.query_one(f"#{id}", GridView)

    # Tabs

    @property
    def tab(self) -> str:
        """Which is open."""
        panes = self.query("#panes").results(ContentSwitcher)
        return next((each.current for each in panes if each.current), TABS[0])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See `ActingScreen`; only the traffic can be held, and text found where it goes on."""
        if action == "pause" and self.tab != "traffic":
            return False
        if action == "find" and self.tab not in ("traffic", "output"):
            return False
        return super().check_action(action, parameters)

    def action_tab(self, name: str) -> None:
        """Opens one."""
        self._turn_to(name)
        self.query_one("#tabs", Tabs).active = f"{_TAB}{name}"

    def action_turn(self, by: int) -> None:
        """To the next or previous one, going round."""
        self.action_tab(TABS[(TABS.index(self.tab) + by) % len(TABS)])

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """Its list is what keys are for, or the prompt that is open there."""
        # It may tell of the first one when keys have led to another since.
        self._turn_to(event.tabs.active.removeprefix(_TAB))
        self.focus_list()
        self.console.touch()

    def _turn_to(self, tab: str) -> None:
        # What nobody looks at costs nothing: eight tabs would take five times as long to open.
        panes = self.query_one("#panes", ContentSwitcher)
        if all(pane.id != tab for pane in panes.children):
            pane = _pane(tab)
            # One after the other, and not in a tree: keys that come at once find all of them.
            panes.mount(pane)
            pane.mount_all(self._contents(tab))
        panes.current = tab
        self.refresh_bindings()

    def focus_list(self) -> None:
        """See `LiveScreen`: the list of the tab, or the prompt that is open there."""
        pane = self.query_one(f"#panes > #{self.tab}")
        for bar in self.prompts():
            if bar.display:
                bar.resume()
                return
        for wanted in (LineTable, OutputView, DetailPane):
            for widget in pane.query(wanted):
                self.set_focus(widget)
                return

    def traffic_view(self) -> TrafficView | None:
        """See `LiveScreen`."""
        return self.query_one("#service-traffic", TrafficView) if self.tab == "traffic" else None

    def step_back(self) -> bool:
        """See `LiveScreen`; follows the output again, too."""
        if super().step_back():
            return True
        if self.tab != "output" or self.query_one(OutputView).cursor is None:
            return False
        self.query_one(OutputView).find("")
        return True

    def prompts(self) -> Iterable[PromptBar]:
        """See `LiveScreen`."""
        return self.query_one(f"#panes > #{self.tab}").query(PromptBar)

    def action_find(self) -> None:
        """In the traffic, or in the output."""
        if self.tab == "output":
            self.query_one("#find-output", PromptBar).ask(self.query_one(OutputView).finding)
        else:
            super().action_find()

    def on_prompt_bar_submitted(self, event: PromptBar.Submitted) -> None:
        """Looks for it in the output."""
        if event.bar.id == "find-output":
            view = self.query_one(OutputView)
            if not view.find(event.text):
                about = f"no output mentions {event.text!r}"
                self.notify(about, severity="warning", markup=False)
            event.bar.close()
            self.set_focus(view)

    def on_prompt_bar_cancelled(self) -> None:
        """Back to the list."""
        self.focus_list()

    def on_line_table_opened(self, event: LineTable.Opened) -> None:
        """Enter: a row of traffic in full, a request to an endpoint."""
        if event.table.id == "service-traffic":
            self.open_row()
        elif event.table.id == "service-endpoints":
            name = self._grid("service-endpoints").selected
            if isinstance(name, str) and self.check_action("compose_request", ()) is not None:
                facts = self._endpoints.get(name)
                body = arguments_template(facts) if facts is not None else ""
                draft = Draft(self.key.name, name, body)
                self.console.compose_request(self.session, draft)


class _TabLine(Tabs, can_focus=False):
    """A click on one of its tabs leaves the keys to what is on the tab."""


def _pane(tab: str) -> Widget:
    return Horizontal(id=tab, classes="halves") if tab == "peers" else Vertical(id=tab)
