"""The main screen: the services, what they say to each other, all about the selected one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical

from ipcm.console.cells import plural
from ipcm_tui.models.cells import Cell, peer_cell
from ipcm_tui.models.columns import PEER_COLUMNS
from ipcm_tui.models.detail import Detail, peer_detail, row_detail
from ipcm_tui.models.filtering import NO_FILTER
from ipcm_tui.models.grid import Grid
from ipcm_tui.models.ordering import Order, turned
from ipcm_tui.models.peers import Peer, PeerKey
from ipcm_tui.models.records import PeerRecord, record_of
from ipcm_tui.models.window import Window
from ipcm_tui.screens.acting import ActingScreen
from ipcm_tui.screens.service import ServiceScreen
from ipcm_tui.screens.traffic import TrafficScreen
from ipcm_tui.session import Session
from ipcm_tui.widgets.bus_line import BusLine, BusState
from ipcm_tui.widgets.captions import subtitle
from ipcm_tui.widgets.detail_pane import DetailPane
from ipcm_tui.widgets.grid_view import GridView
from ipcm_tui.widgets.key_line import KeyLine
from ipcm_tui.widgets.line_table import LineTable
from ipcm_tui.widgets.prompt_bar import PromptBar
from ipcm_tui.widgets.traffic_view import TrafficView

__all__ = ["ServicesScreen"]


class ServicesScreen(ActingScreen):
    """Where one begins, and comes back to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", tooltip="Show only some rows",
                id="services.filter"),
        Binding("d", "inspect", "Details", tooltip="All about what is selected", id="inspect"),
        Binding("space", "mark", "Mark", show=False, tooltip="Mark a row, or unmark it",
                id="services.mark"),
        Binding("ctrl+a", "mark_all", "Mark all", show=False, tooltip="Mark all rows shown",
                id="services.mark_all"),
        Binding("z", "clear_gone", "Clear", show=False, tooltip="Clear away those that ended",
                id="services.clear"),
        Binding("l", "traffic", "Traffic", tooltip="The traffic, on the whole screen",
                id="services.traffic"),
        Binding("1", "focus('#peers')", "To the services", show=False, id="focus.peers"),
        Binding("2", "focus('#traffic')", "To the traffic", show=False, id="focus.traffic"),
        Binding("3", "focus('#detail')", "To the details", show=False, id="focus.detail"),
        *(
            Binding(column.letter, f"sort('{column.id}')", f"Sort by {column.label}", show=False,
                    id=f"services.sort_{column.id}")
            for column in PEER_COLUMNS
        ),
    ]  # fmt: skip

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.window = Window(session.traffic)
        self.filter = NO_FILTER
        self.order: Order | None = None
        self.marked: frozenset[PeerKey] = frozenset()

    def compose(self) -> ComposeResult:
        """The bus, its peers, what they say, and all about one of them."""
        zone, me = self.session.clock.zone, self.session.source.name
        yield BusLine(self.session.facts, id="bus")
        with Vertical(id="upper"):
            table: GridView[PeerKey] = GridView(id="peers")
            table.border_title = "Services and peers"
            yield table
            yield PromptBar("filter", "name~=ind p95>20ms and not errors=0", id="filter")
        with Container(id="lower"):
            with Vertical(id="said"):
                view = TrafficView(self.window, me=me, zone=zone, id="traffic")
                view.border_title = "Traffic"
                yield view
                yield PromptBar("find", "text in the traffic", id="find")
            yield DetailPane(id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table is what keys are for."""
        self.focus_list()

    def focus_list(self) -> None:
        """See `LiveScreen`."""
        self.set_focus(self.table)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See `ActingScreen`; what there is no room for takes no keys."""
        if action == "focus" and parameters == ("#detail",):
            return self.query_one("#detail").display
        return super().check_action(action, parameters)

    @property
    def table(self) -> GridView[PeerKey]:
        """Of the services."""
        return self.query_one("#peers", GridView)

    @property
    def records(self) -> list[PeerRecord]:
        """The rows that are shown, in their order."""
        now, find = self.session.clock.wall(), self.session.peers.get
        return [record_of(peer, now) for key in self.table.keys if (peer := find(key))]

    # Drawing

    def draw(self) -> None:
        """See `LiveScreen`."""
        session, palette = self.session, self.console.palette
        now = session.clock.wall()
        peers = session.peers
        state = BusState(
            int(max(now - session.facts.started, 0)),
            peers.count("service"),
            peers.count("client"),
            peers.request_rate(),
            read_only=session.read_only,
            demo=session.demo,
            over=session.over is not None,
        )
        self.query_one("#bus", BusLine).show(state, palette)
        self._draw_table()
        self.query_one("#traffic", TrafficView).show(palette)
        self._draw_detail()

    def _draw_table(self) -> None:
        self.table.show(self._grid(self.session.clock.wall()), self.console.palette)

    def _grid(self, now: float) -> Grid[PeerKey]:
        session = self.session
        peers = session.peers.in_order()
        shown = self._arrange(peers, now)
        keys = tuple(peer.key for peer in shown)
        self.marked &= frozenset(keys)
        self._draw_status(len(peers), len(keys))

        drawn = {peer.key: peer for peer in shown}

        def cell(key: PeerKey, column: str, width: int) -> Cell:
            return peer_cell(drawn[key], column, width, now)

        return Grid(
            PEER_COLUMNS,
            keys,
            cell,
            hints=("nobody is here yet",) if not peers else ("nothing fits the filter",),
            order=self.order,
            marked=self.marked,
            version=(session.peers.version, int(now)),
        )

    def _arrange(self, peers: Sequence[Peer], now: float) -> Sequence[Peer]:
        """Those that are wanted, in the order that is wanted."""
        if self.order is None and not self.filter.chooses:
            return peers
        rows = [(record_of(peer, now), peer) for peer in peers]
        wanted = [row for row in rows if self.filter.wants(row[0])]
        return [peer for _, peer in wanted] if self.order is None else self.order.apply(wanted)

    def _draw_status(self, all_rows: int, shown: int) -> None:
        parts = []
        if self.marked:
            parts.append(f"{len(self.marked)} marked")
        if self.filter.text.strip():
            parts.append(f"{self.filter.text.strip()}: {shown} of {all_rows}")
        elif shown > 5:
            parts.append(plural(shown, "row"))
        if folded := self.session.peers.folded:
            parts.append(f"{folded:,} more have left")
        subtitle(self.table, "   ".join(parts))

    def _draw_detail(self) -> None:
        pane = self.query_one("#detail", DetailPane)
        if pane.display:
            pane.show(self._detail(pane.columns), self.console.palette)

    def _detail(self, columns: int) -> Detail:
        session = self.session
        row = self.row()
        if self.window.paused and row is not None:
            state = session.traffic.state_of(row)
            return row_detail(row, state, session.source.name, session.clock.zone)
        peer = session.peers.get(self.table.selected)
        if peer is None:
            return Detail("nobody is here yet")
        clock = session.clock
        return peer_detail(peer, clock.wall(), clock.zone, session.source.name, columns)

    # Choosing

    def chosen(self) -> Sequence[Peer]:
        """The marked ones in their order, else the selected one."""
        keys: list[PeerKey | None] = [key for key in self.table.keys if key in self.marked]
        keys = keys or [self.table.selected]
        found = [self.session.peers.get(key) for key in keys]
        return [peer for peer in found if peer is not None]

    def done(self) -> None:
        """What was marked has been done."""
        self.marked = frozenset()
        self.console.touch()

    def action_mark(self) -> None:
        """Marks the selected row, or unmarks it, and goes on to the next."""
        key = self.table.selected
        if key is not None:
            self.marked ^= {key}
            self.table.action_move(1)
            self.console.touch()

    def action_mark_all(self) -> None:
        """Marks all rows, or none."""
        keys = frozenset(self.table.keys)
        self.marked = frozenset() if self.marked == keys else keys
        self.console.touch()

    def action_clear_gone(self) -> None:
        """Forgets the dead."""
        count = self.session.peers.clear_gone()
        self.notify(f"{plural(count, 'row')} cleared" if count else "nobody here has ended")
        self.console.touch()

    def action_sort(self, column: str) -> None:
        """By a column; again, the other way round; once more, as before."""
        self.order = turned(self.order, column)
        self.console.touch()

    def on_line_table_header_clicked(self, event: LineTable.HeaderClicked) -> None:
        """As its key."""
        if event.table.id == "peers" and event.column.letter:
            self.action_sort(event.column.id)

    def on_line_table_opened(self, event: LineTable.Opened) -> None:
        """Enter, or a second click."""
        if event.table.id == "peers":
            self._open_peer()
        else:
            self.open_row()

    def action_inspect(self) -> None:
        """All about what is selected."""
        if self.query_one("#traffic").has_focus:
            self.open_row()
        else:
            self._open_peer()

    def _open_peer(self) -> None:
        key = self.table.selected
        if key is not None:
            self.app.push_screen(ServiceScreen(self.session, key))

    def action_traffic(self) -> None:
        """The traffic alone."""
        self.app.push_screen(TrafficScreen(self.session))

    # Filtering

    def action_filter(self) -> None:
        """Opens the box."""
        self.query_one("#filter", PromptBar).ask(self.filter.text)

    def on_prompt_bar_typed(self, event: PromptBar.Typed) -> None:
        """Rows come and go as one types."""
        if event.bar.id == "filter":
            self.filter = self.filter.typed(event.text)
            event.bar.complain(self.filter.problem, self.filter.at)
            self.console.touch()

    def on_prompt_bar_submitted(self, event: PromptBar.Submitted) -> None:
        """Keeps it."""
        if event.bar.id == "filter":
            self.filter = self.filter.typed(event.text)
            self.console.touch()
            if self.filter.problem:
                self.app.bell()
            else:
                # The next key may be here before the next picture, and is meant for these rows.
                self._draw_table()
                event.bar.close()
                self.set_focus(self.table)

    def on_prompt_bar_cancelled(self, event: PromptBar.Cancelled) -> None:
        """Everything is shown again."""
        if event.bar.id == "filter":
            self.filter = NO_FILTER
            self.set_focus(self.table)
        else:
            self.set_focus(self.query_one("#traffic"))
        self.console.touch()

    def step_back(self) -> bool:
        """Closes a prompt, follows again, clears the filter, then the marks."""
        if super().step_back():
            return True
        if self.filter.text:
            self.filter = NO_FILTER
        elif self.marked:
            self.marked = frozenset()
        else:
            return False
        self.console.touch()
        return True

    def action_back(self) -> None:
        """There is nothing behind this screen."""
        self.step_back()
