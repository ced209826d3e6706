"""The application: one screen, fed by an observer, drawn at most ten times a second."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import ClassVar, Final

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import DataTable, Footer

from ipcm._core.observation import TerminatedEvent
from ipcm._os.interrupt import Interrupts, deferred
from ipcm.bus import AnyBus, find_bus
from ipcm.errors import BusGone, IPCMError, RequestTimeout, UnsupportedError
from ipcm_tui.asking import Asker
from ipcm_tui.feed import Feed
from ipcm_tui.models.compose import Draft
from ipcm_tui.models.detail import Detail, peer_detail, row_detail
from ipcm_tui.models.formatting import format_duration, plural, printable
from ipcm_tui.models.peers import Peer, Peers
from ipcm_tui.models.traffic import TrafficLog
from ipcm_tui.models.window import Window
from ipcm_tui.screens.composer import ComposerScreen
from ipcm_tui.screens.confirm import ConfirmScreen
from ipcm_tui.screens.gone import GoneScreen
from ipcm_tui.screens.help import HelpScreen
from ipcm_tui.screens.inspect import InspectScreen
from ipcm_tui.source import BusFacts, Clock, Source
from ipcm_tui.theme import IPCM_THEME, Palette
from ipcm_tui.widgets.bus_line import BusLine, BusState
from ipcm_tui.widgets.detail_pane import DetailPane
from ipcm_tui.widgets.peer_table import PeerTable
from ipcm_tui.widgets.traffic_view import TrafficView

__all__ = ["ConsoleApp", "main"]

_BEAT: Final = 0.5
_FRAME: Final = 0.1
_HEED: Final = 0.1
_RATE: Final = 500.0


class ConsoleApp(App[int]):
    """The console of one bus. It is a client of it, and leaving stops nothing.

    Args:
        source: an open observer; whoever made it closes it.
        facts: of the bus.
        clock: two clocks and a time zone.
        demo: the bus ends when this does, and Ctrl-C ends both.
        read_only: looks and touches nothing.
    """

    TITLE = "ipcm"
    CSS_PATH = "console.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?", id="help"),
        Binding("f1", "help", "Help", show=False, id="help.f1"),
        Binding("s", "compose_request", "Send", tooltip="Send a request", id="send"),
        Binding(
            "ctrl+d,t", "terminate", "Terminate", tooltip="Ask a service to end", id="terminate"
        ),
        Binding("p", "pause", "Pause", tooltip="Hold the traffic still, or follow it", id="pause"),
        Binding("d", "inspect", "Details", tooltip="All about what is selected", id="inspect"),
        Binding("q", "quit", "Quit", tooltip="Leave", id="quit"),
        Binding("1", "focus('peers')", "To the services", show=False, id="focus.peers"),
        Binding("2", "focus('traffic')", "To the traffic", show=False, id="focus.traffic"),
        Binding("3", "focus('detail')", "To the details", show=False, id="focus.detail"),
        Binding("escape", "resume", "Back to the newest traffic", show=False, id="resume"),
        Binding("ctrl+q", "quit", "Leave", show=False, priority=True, id="quit.anywhere"),
        Binding("ctrl+c", "interrupt", "Leave", show=False, priority=True, id="interrupt"),
        Binding("ctrl+c", "help_quit", show=False, system=True, id="quit.hint"),
    ]

    def __init__(
        self,
        source: Source,
        facts: BusFacts,
        *,
        clock: Clock | None = None,
        demo: bool = False,
        read_only: bool = False,
        interrupts: Interrupts | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self.facts = facts
        self.clock = clock or Clock()
        self.demo = demo
        self.read_only = read_only
        self._interrupts = interrupts
        self.peers = Peers()
        self.traffic = TrafficLog()
        self.window = Window(self.traffic)
        self.asker = Asker(source, self.peers, self.clock, on_sent=self._on_sent)
        self.over: str | None = None
        self._feed = Feed(source, self._on_ready)
        self._dirty = True
        self._seen: tuple[object, ...] = ()
        self._draft = Draft()
        self._palette: Palette | None = None
        self._bus_line = BusLine(facts, id="bus")
        self._peer_table = PeerTable(id="peers")
        self._traffic_view = TrafficView(
            self.window, me=source.name, zone=self.clock.zone, id="traffic"
        )
        self._detail_pane = DetailPane(id="detail")

    def compose(self) -> ComposeResult:
        """The bus, its peers, what they say, and all about one of them."""
        self._peer_table.border_title = "Services and peers"
        self._traffic_view.border_title = "Traffic"
        yield self._bus_line
        yield self._peer_table
        with Container(id="lower"):
            yield self._traffic_view
            yield self._detail_pane
        yield Footer()

    def on_mount(self) -> None:
        """Starts listening, asking, and drawing."""
        self.register_theme(IPCM_THEME)
        self.theme = IPCM_THEME.name
        self.theme_changed_signal.subscribe(self, self._on_theme)
        self._peer_table.focus()
        self._feed.start(asyncio.get_running_loop())
        self._take()
        self.set_interval(_BEAT, self._beat)
        self.set_interval(_FRAME, self._draw)
        if self._interrupts is not None:
            self.set_interval(_HEED, self._heed_interrupts)

    def on_unmount(self) -> None:
        """The descriptor outlives the event loop."""
        self._feed.stop()

    def _heed_interrupts(self) -> None:
        """Somebody ends the program from outside, or pressed Ctrl-C before there was a screen."""
        if self._interrupts is not None and self._interrupts.pending is not None:
            self.exit(0)

    # Taking in

    def _on_sent(self) -> None:
        self._feed.hurry(True)

    def _on_ready(self) -> None:
        self.call_next(self._take)

    def _take(self) -> None:
        if self.over is not None:
            return
        try:
            # Before the events: fetching an answer takes in what came with it.
            self.asker.settle()
            events = self._feed.take()
        except BusGone as error:
            self._end(str(error))
            return
        for event in events:
            if isinstance(event, TerminatedEvent):
                self.peers.note_end(event)
        self.traffic.extend(events, self.source.dropped)
        self._feed.hurry(self.asker.waiting)
        self._look()

    def _look(self) -> None:
        """Whether there is anything new to draw: drawing is what costs."""
        snapshots = self.source.snapshots.values()
        second = int(self.clock.wall())
        seen = (self.traffic.changes, second, [id(snapshot) for snapshot in snapshots])
        self._dirty = self._dirty or seen != self._seen
        self._seen = seen

    def _beat(self) -> None:
        if self.over is None:
            try:
                self.source.refresh()
            except BusGone as error:
                self._end(str(error))
            # Also for what falls due without anything coming in, such as time-outs.
            self._take()

    def _end(self, why: str) -> None:
        self.over = why
        self._feed.stop()
        self._dirty = True
        self.push_screen(GoneScreen(printable(self.facts.name), why))

    # Drawing

    def _on_theme(self, _: object) -> None:
        self._palette = None
        self._dirty = True

    @property
    def palette(self) -> Palette:
        """Styles under the theme of the moment."""
        if self._palette is None:
            self._palette = Palette.of(self)
        return self._palette

    def _draw(self) -> None:
        if not self._dirty:
            return
        self._dirty = False
        source, now = self.source, self.clock.wall()
        if self.over is None:
            self.peers.update(source.presence, source.snapshots, source.busy, now)
        state = BusState(
            int(max(now - self.facts.started, 0)),
            self.peers.count("service"),
            self.peers.count("client"),
            self.peers.request_rate(),
            read_only=self.read_only,
            demo=self.demo,
            over=self.over is not None,
        )
        self._bus_line.show(state, self.palette)
        self._peer_table.show(self.peers.in_order(), now, self.palette)
        self._traffic_view.show(self.palette)
        self._draw_detail()

    def _draw_detail(self) -> None:
        if self._detail_pane.display:
            self._detail_pane.show(self._detail(), self.palette)

    def _detail(self) -> Detail:
        row = self._traffic_view.selected
        if self.window.paused and row is not None:
            state = self.traffic.state_of(row)
            return row_detail(row, state, self.source.name, self.clock.zone)
        peer = self._selected_peer()
        if peer is None:
            return Detail("nobody is here yet")
        return peer_detail(peer, self.clock.wall(), self.clock.zone, self.source.name)

    def _selected_peer(self) -> Peer | None:
        return self.peers.get(self._peer_table.selected)

    def on_peer_table_rebuilt(self) -> None:
        """Its rows are drawn again."""
        self._dirty = True
        self._draw()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The cursor is on another peer."""
        del event
        self._draw_detail()

    def on_traffic_view_moved(self) -> None:
        """The selection is another row."""
        self._draw_detail()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys work now: False hides one, None shows it as out of order."""
        del parameters
        if action == "interrupt":
            return self.demo
        if action in ("compose_request", "terminate") and (self.read_only or self.over):
            return None
        return True

    def action_help(self) -> None:
        """What the keys do."""
        keys: dict[str, list[str]] = {}
        # Those without an id are Textual's own, and either obvious or of no use here.
        active = [each for each in self.screen.active_bindings.values() if each.binding.id]
        active.sort(key=lambda each: each.node is not self)
        for binding in (each.binding for each in active):
            if binding.description and not binding.system:
                about = binding.tooltip or binding.description
                keys.setdefault(about, []).append(self.get_key_display(binding))
        named = [(", ".join(dict.fromkeys(names)), about) for about, names in keys.items()]
        self.push_screen(HelpScreen(named, self.palette))

    def action_pause(self) -> None:
        """Holds the traffic still, or lets it go."""
        if self.window.paused:
            self._traffic_view.follow()
        else:
            self._traffic_view.pause()

    def action_resume(self) -> None:
        """Follows again."""
        if self.window.paused:
            self._traffic_view.follow()

    def action_inspect(self) -> None:
        """All about what is selected, large."""
        row = self._traffic_view.selected
        if self._traffic_view.has_focus and row is not None:
            self.push_screen(
                InspectScreen(
                    lambda: row_detail(
                        row, self.traffic.state_of(row), self.source.name, self.clock.zone
                    ),
                    self.palette,
                )
            )
            return
        peer = self._selected_peer()
        if peer is not None:
            self.push_screen(
                InspectScreen(
                    lambda: peer_detail(peer, self.clock.wall(), self.clock.zone, self.source.name),
                    self.palette,
                )
            )

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter on a peer."""
        del event
        self.action_inspect()

    def on_traffic_view_opened(self) -> None:
        """Enter, or a second click, on a row."""
        self.action_inspect()

    def action_compose_request(self) -> None:
        """Opens the composer, for the selected peer where the last draft names none."""
        peer = self._selected_peer()
        draft = self._draft
        if peer is not None and not peer.is_gone and peer.name != draft.peer:
            draft = Draft(peer.name)
        self.push_screen(ComposerScreen(self.asker, draft, self.palette), self._keep_draft)

    def _keep_draft(self, draft: Draft | None) -> None:
        if draft is not None:
            self._draft = draft

    def action_terminate(self) -> None:
        """Asks first, then the service."""
        peer = self._selected_peer()
        if peer is None:
            return
        name = printable(peer.name)
        if not peer.is_service:
            self.notify(f"{name} is a plain client: only services can be asked to end.")
        elif peer.is_gone:
            self.notify(f"{name} has left already.")
        else:
            workers = len(peer.snapshot.workers) if peer.snapshot is not None else 0
            text = (
                f"pid {peer.pid}, up {format_duration(peer.uptime(self.clock.wall()))}, "
                f"{plural(workers, 'worker')}.\n"
                "It is asked to end in order: it cleans up and takes its workers with it."
            )
            self.push_screen(
                ConfirmScreen(f"Terminate {name}?", text, "Terminate"),
                lambda sure: self._terminate(peer) if sure else None,
            )

    def _terminate(self, peer: Peer) -> None:
        name = printable(peer.name)
        # Between the question and the answer the name may have got another life.
        info = self.source.presence.get(peer.name)
        if info is None or info.incarnation != peer.key.incarnation:
            self.notify(
                f"{name} (pid {peer.pid}) has left meanwhile; nothing was done.",
                severity="warning",
            )
            return
        try:
            self.source.terminate(peer.name)
        except RequestTimeout:
            self.notify(
                f"{name} is busy: it was asked to end, and will when it looks.", severity="warning"
            )
        except IPCMError as error:
            self.notify(f"{name} was not asked: {printable(str(error))}", severity="error")
        else:
            self.notify(f"{name} is asked to end.")

    def action_interrupt(self) -> None:
        """Ctrl-C, where it ends the demo."""
        self.exit(0)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers."""
        yield from super().get_system_commands(screen)
        if not self.read_only and self.over is None:
            yield SystemCommand("Send", "Send a request", self.action_compose_request)
            yield SystemCommand("Terminate", "Ask the service to end", self.action_terminate)
        yield SystemCommand("Pause", "Hold the traffic still, or follow it", self.action_pause)


def main(bus: AnyBus | None = None, *, demo: bool = False, read_only: bool = False) -> int:
    """Shows a bus on the terminal, until one leaves.

    Args:
        bus: a Bus, a name or info string; None for IPCM_BUS, else the only live one.
        demo: Ctrl-C leaves. read_only: the connection may look and nothing else.

    Returns:
        The exit code.

    Raises:
        NoSuchBus, ManyBuses, BusGone: there is nothing to show.
        UnsupportedError: there is no terminal to show it on.
    """
    found = find_bus(bus)
    terminal = (sys.__stdin__, sys.__stderr__)
    if not all(stream is not None and stream.isatty() for stream in terminal):
        raise UnsupportedError(
            "the console needs a terminal as its input and error output; "
            "`ipcm ps` and `ipcm tail` work without one"
        )
    facts = BusFacts(found.name, found.transport, found.serializer, found.started, found.owner_pid)
    # An exception out of a signal handler would tear the event loop, or be lost in it.
    with deferred() as interrupts, found.observe(read_only=read_only, rate=_RATE) as observer:
        app = ConsoleApp(observer, facts, demo=demo, read_only=read_only, interrupts=interrupts)
        app.run()
    return app.return_code or 0
