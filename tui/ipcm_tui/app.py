"""The application: one bus at a time, drawn at most ten times a second."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Final, cast

from textual.app import SystemCommand
from textual.binding import ActiveBinding, Binding, BindingType
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen

from ipcm._os.interrupt import Interrupts, deferred
from ipcm.bus import AnyBus, Bus, find_bus
from ipcm.console.places import state_directory
from ipcm.console.registry import NAMES, get_verb
from ipcm.errors import IPCMError, ManyBuses, NoSuchBus, UnsupportedError
from ipcm_tui.asking import Answer
from ipcm_tui.buses import HostBuses, open_source
from ipcm_tui.collecting import rare_collections
from ipcm_tui.history import History
from ipcm_tui.keys import read_keymap
from ipcm_tui.models.buses import BusFacts, BusRow
from ipcm_tui.models.compose import Draft, draft_of
from ipcm_tui.models.exporting import Kind, rows_as_csv, rows_as_json, traffic_as_jsonl
from ipcm_tui.models.formatting import format_latency, printable
from ipcm_tui.models.pace import Pace
from ipcm_tui.models.records import PeerRecord
from ipcm_tui.models.traffic import Row
from ipcm_tui.outputs import OpenOutput, open_output
from ipcm_tui.processes import Processes
from ipcm_tui.running import ELSEWHERE
from ipcm_tui.screens.acting import ActingScreen
from ipcm_tui.screens.command import CommandScreen
from ipcm_tui.screens.composer import ComposerScreen
from ipcm_tui.screens.copying import CopyScreen
from ipcm_tui.screens.export import ExportScreen
from ipcm_tui.screens.gone import GoneScreen
from ipcm_tui.screens.help import HelpScreen, keys_of
from ipcm_tui.screens.live import LiveScreen
from ipcm_tui.screens.palette import PaletteApp
from ipcm_tui.screens.picker import PickerScreen
from ipcm_tui.screens.services import ServicesScreen
from ipcm_tui.screens.standing import stands
from ipcm_tui.screens.traffic import TrafficScreen
from ipcm_tui.session import Session
from ipcm_tui.sharing import payload_of, phrases_of, write_export
from ipcm_tui.sizes import SizedApp
from ipcm_tui.source import Buses, Clock, Source
from ipcm_tui.terminal import can_be_drawn_on, lasting, size_where_unknown
from ipcm_tui.theme import IPCM_LIGHT, IPCM_THEME, ChosenTheme, Palette
from ipcm_tui.typeahead import TypeAheadApp

__all__ = ["ConsoleApp", "main"]

_FRAME: Final = 0.1
_HEED: Final = 0.1


class ConsoleApp(TypeAheadApp, SizedApp, PaletteApp):
    """The console. It is a client of a bus, and leaving stops nothing.

    Args:
        source: an open observer, and facts about its bus; without them the buses are listed.
        buses: where to look for buses; None where there is only this one.
        clock: the clocks and a time zone.
        demo: the bus ends when this does, and Ctrl-C ends both.
        read_only: looks and touches nothing.
        history: of requests. keymap: keys by the ids of bindings. chosen: the last theme.

    Attributes: drawn: how often it was.
    """

    TITLE = "ipcm"
    CSS_PATH = "console.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?", id="help"),
        Binding("f1", "help", "Help", show=False, id="help.f1"),
        Binding("colon", "command", "Command", show=False, key_display=":",
                tooltip="Run any verb of ipcm", id="command"),
        Binding("y", "copy", "Copy", show=False, tooltip="Copy an action as command or code",
                id="copy"),
        Binding("ctrl+s", "export", "Export", show=False, tooltip="Write a table or picture",
                id="export"),
        Binding("b", "buses", "Buses", show=False, tooltip="Choose another bus", id="buses"),
        Binding("q", "quit", "Quit", tooltip="Leave", id="quit"),
        Binding("ctrl+q", "quit", "Leave", show=False, priority=True, id="quit.anywhere"),
        Binding("ctrl+c", "interrupt", "Leave", show=False, priority=True, id="interrupt"),
        Binding("ctrl+z", "suspend_process", "Stop, until fg", show=False, id="suspend"),
        Binding("ctrl+c", "help_quit", show=False, system=True, id="quit.hint"),
    ]  # fmt: skip

    def __init__(
        self,
        source: Source | None = None,
        facts: BusFacts | None = None,
        *,
        buses: Buses | None = None,
        clock: Clock | None = None,
        processes: Processes | None = None,
        outputs: OpenOutput | None = None,
        demo: bool = False,
        read_only: bool = False,
        interrupts: Interrupts | None = None,
        history: History | None = None,
        keymap: Mapping[str, str] | None = None,
        chosen: ChosenTheme | None = None,
    ) -> None:
        super().__init__()
        # Before there is anything that would have to be styled again.
        for theme in (IPCM_THEME, IPCM_LIGHT):
            self.register_theme(theme)
        self._chosen = chosen or ChosenTheme()
        last = self._chosen.name
        self.theme = last if last in self.available_themes else IPCM_THEME.name
        self.clock = clock or Clock()
        self.demo = demo
        self.read_only = read_only
        self.session: Session | None = None
        self.drawn = 0
        self.draft = Draft()
        self.history = history or History()
        if keymap:
            self.set_keymap(dict(keymap))
        self._first = (source, facts) if source is not None and facts is not None else None
        self._buses = buses
        self._processes = processes
        self._outputs = outputs
        self._interrupts = interrupts
        self._palette: Palette | None = None
        self._drawn: tuple[object, ...] = ()
        self._touched = True
        self._pace = Pace()
        self._while_shown = contextlib.ExitStack()

    def get_default_screen(self) -> Screen[object]:
        """The services of the bus, or the buses."""
        session = self.begin()
        if session is not None:
            return cast("Screen[object]", ServicesScreen(session))
        assert self._buses is not None
        return cast("Screen[object]", PickerScreen(self._buses, self.clock))

    def begin(self) -> Session | None:
        """The session that it begins with; None where it begins with the list of buses."""
        if self.session is None and self._first is not None:
            self.session = self._open_session(*self._first)
        return self.session

    def on_mount(self) -> None:
        """Starts listening and drawing."""
        self.theme_changed_signal.subscribe(self, self._on_theme)
        if self.session is not None:
            self.run_worker(self.session.run(), group="session")
        self.set_interval(_FRAME, self._draw)
        if self._interrupts is not None:
            self.set_interval(_HEED, self._heed_interrupts)

    def on_ready(self) -> None:
        """The first picture stands: what it took to get there stays as long as the app does."""
        self._while_shown.enter_context(rare_collections())

    async def on_unmount(self) -> None:
        """The observer does not outlive the event loop."""
        self._while_shown.close()
        if self.session is not None:
            await self.session.close()

    def _heed_interrupts(self) -> None:
        """Somebody ends the program from outside, or pressed Ctrl-C before there was a screen."""
        if self._interrupts is not None and self._interrupts.pending is not None:
            self.exit(0)

    # Sessions

    def _open_session(self, source: Source, facts: BusFacts) -> Session:
        return Session(
            source,
            facts,
            clock=self.clock,
            processes=self._processes,
            outputs=self._outputs,
            read_only=self.read_only,
            demo=self.demo,
            on_over=self._on_over,
        )

    def open_bus(self, row: BusRow) -> None:
        """Begins to watch a bus of the list."""
        self.run_worker(self._open_bus(row), group="open", exclusive=True)

    async def _open_bus(self, row: BusRow) -> None:
        assert self._buses is not None
        wanted = row.facts.info or row.facts.name
        try:
            source, facts = await self._buses.open(wanted, read_only=self.read_only)
        except IPCMError as error:
            self.notify(printable(str(error)), severity="error", markup=False)
        else:
            await self.turn_to(source, facts)

    async def turn_to(self, source: Source, facts: BusFacts) -> None:
        """Turns to another bus."""
        before = self.session
        self.session = self._open_session(source, facts)
        self.workers.cancel_group(self, "session")
        if before is not None:
            await before.close()
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        await self.push_screen(ServicesScreen(self.session))
        self.run_worker(self.session.run(), group="session")
        self.touch()

    def _on_over(self, why: str) -> None:
        assert self.session is not None
        self.touch()
        gone = GoneScreen(printable(self.session.facts.name), why)
        self.push_screen(gone, lambda more: self.action_buses() if more else None)

    # Drawing

    def touch(self) -> None:
        """There is something to draw besides what comes in: what somebody asked for."""
        if not self._touched:
            self._touched = True
            self.call_later(self._draw)

    def _on_theme(self, _: object) -> None:
        self._palette = None
        self._chosen.keep(self.theme)
        self.touch()

    @property
    def palette(self) -> Palette:
        """Styles under the theme of the moment."""
        if self._palette is None:
            self._palette = Palette.of(self)
        return self._palette

    def _draw(self) -> None:
        session = self.session
        if session is None:
            return
        session.update()
        shown = [screen for screen in self.screen_stack if isinstance(screen, LiveScreen)]
        if not shown:
            return
        # Below what covers the whole screen nobody sees anything.
        top = shown[-1]
        drawn = (session.changes, session.peers.version, int(self.clock.wall()), top, self.size)
        if drawn == self._drawn and not self._touched:
            return
        spent, now = self.clock.spent(), time.monotonic()
        if not self._pace.due(now, spent, asked=self._touched):
            return
        self._pace.drew(now, spent)
        self._drawn, self._touched = drawn, False
        if stands(top):
            top.draw()
            self.drawn += 1

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys work now: False hides one, None shows it as out of order."""
        del parameters
        if action == "interrupt":
            return self.demo
        if action == "buses":
            return self._buses is not None and not isinstance(self.screen, PickerScreen)
        return True

    def action_help(self) -> None:
        """What the keys of this screen do."""
        if isinstance(self.screen, ModalScreen):
            return
        keys = keys_of(self.screen, self.get_key_display)
        self.push_screen(HelpScreen(keys, self.palette))

    def action_buses(self) -> None:
        """Lists the buses."""
        if self._buses is not None:
            self.push_screen(PickerScreen(self._buses, self.clock))

    def action_interrupt(self) -> None:
        """Ctrl-C, where it ends the demo."""
        self.exit(0)

    def action_command(self, text: str = "") -> None:
        """A line for any verb."""
        session = self.session
        if session is not None and not isinstance(self.screen, ModalScreen):
            self.push_screen(CommandScreen(session, self.palette, text), self._go)

    def _go(self, where: str | None) -> None:
        session = self.session
        if where == "buses":
            self.action_buses()
        elif where == "traffic" and session is not None:
            self.push_screen(TrafficScreen(session))

    # Requests

    def compose_request(self, session: Session, draft: Draft, note: str = "") -> None:
        """Opens the composer."""
        screen = ComposerScreen(session.asker, draft, self.palette, self.history, note)
        self.push_screen(screen, self._keep_draft)

    def _keep_draft(self, draft: Draft | None) -> None:
        if draft is not None:
            self.draft = draft

    def replay(self, session: Session, row: Row | None, *, edit: bool) -> None:
        """Sends a request again, or opens the composer with it."""
        if row is None or not row.can_be_sent:
            self.notify("only a request or message can be sent again")
            return
        draft, whole = draft_of(row.target, row.preview)
        if edit or not whole:
            note = "" if whole else "! only the beginning of it is known: complete it"
            self.compose_request(session, draft, note)
            return
        about = f"{printable(draft.peer)} {printable(draft.endpoint)}".strip()
        session.asker.send(draft.peer, payload_of(draft), lambda answer: self._told(about, answer))

    def _told(self, about: str, answer: Answer) -> None:
        took = format_latency(answer.took)
        if answer.error is None:
            self.notify(f"{about}: answered in {took}", markup=False)
        else:
            text = printable(answer.error.splitlines()[0] if answer.error else "")
            self.notify(f"{about}: {text}", severity="error", markup=False)

    # Taking out

    def offer_copies(self, session: Session, row: Row | None, *, on_row: bool = True) -> None:
        """Offers the words of other surfaces for what is selected."""
        chosen = self.screen.chosen() if isinstance(self.screen, ActingScreen) else []
        peers = [(peer.name, peer.is_service) for peer in chosen]
        phrases = phrases_of(session.facts, peers, row, on_row=on_row)
        self.push_screen(CopyScreen(phrases, self.palette), self._copy)

    def _copy(self, chosen: tuple[str, str] | None) -> None:
        if chosen is not None:
            about, text = chosen
            self.copy_to_clipboard(text)
            self.notify(f"copied: {about}", markup=False)

    def action_copy(self) -> None:
        """What is selected, in other words."""
        screen = self.screen
        if isinstance(screen, LiveScreen):
            view = screen.traffic_view()
            on_row = view is not None and (view.has_focus or view.window.paused)
            self.offer_copies(screen.session, screen.row(), on_row=on_row)

    def action_export(self) -> None:
        """Asks what to write into a file."""
        screen = self.screen
        if not isinstance(screen, LiveScreen):
            return
        picture = self.export_screenshot(title=f"ipcm {printable(screen.session.facts.name)}")
        offers = [("svg", "this screen, as a picture (SVG)")]
        if screen.traffic_view() is not None:
            offers.insert(0, ("jsonl", "the traffic, a line each (JSONL)"))
        if isinstance(screen, ServicesScreen):
            offers[:0] = [("csv", "the table, as CSV"), ("json", "the table, as JSON")]
        self.push_screen(
            ExportScreen(offers, str(Path.cwd())),
            lambda kind: self._export(screen, kind, picture) if kind is not None else None,
        )

    def _export(self, screen: LiveScreen, kind: str, picture: str) -> None:
        view = screen.traffic_view()
        records = screen.records if isinstance(screen, ServicesScreen) else []
        what, text = "screen", picture
        if kind == "csv":
            what, text = "services", rows_as_csv(records, PeerRecord)
        elif kind == "json":
            what, text = "services", rows_as_json(records)
        elif kind == "jsonl":
            what, text = "traffic", traffic_as_jsonl(view.window.rows if view is not None else ())
        try:
            path = write_export(screen.session.facts, what, cast("Kind", kind), text, self.clock)
        except OSError as error:
            about = f"not written: {error.strerror or error}"
            self.notify(about, severity="error", markup=False)
        else:
            self.notify(f"written: {path}", markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers: the keys of the screen, and every verb."""
        yield from super().get_system_commands(screen)
        actions: dict[str, list[ActiveBinding]] = {}
        for each in screen.active_bindings.values():
            binding, works = each.binding, each.enabled
            if binding.id and works and binding.description and not binding.system:
                actions.setdefault(binding.tooltip or binding.description, []).append(each)
        for title, bound in actions.items():
            keys = dict.fromkeys(self.get_key_display(each.binding) for each in bound)
            act = self._act(bound[0].node, bound[0].binding.action)
            yield SystemCommand(title, f"key {', '.join(keys)}", act)
        if self.session is not None:
            for name in NAMES:
                verb = get_verb(name)
                works = verb.harmless or not self.read_only
                if works and name not in ELSEWHERE:
                    about = f"{verb.summary} (ipcm {name})"
                    yield SystemCommand(f"ipcm {name}", about, self._say(f"{name} "))

    def _act(self, node: DOMNode, action: str) -> Callable[[], Awaitable[object]]:
        return lambda: self.run_action(action, default_namespace=node)

    def _say(self, text: str) -> Callable[[], None]:
        return lambda: self.action_command(text)


def main(bus: AnyBus | None = None, *, demo: bool = False, read_only: bool = False) -> int:
    """Shows a bus on the terminal, until one leaves.

    Args:
        bus: a Bus, a name or info string; None for IPCM_BUS, else the only live one, else a list
            to choose from.
        demo: Ctrl-C leaves. read_only: the connection may look and nothing else.

    Returns:
        The exit code.

    Raises:
        NoSuchBus, BusGone: the one that was named is not there.
        UnsupportedError: there is no terminal to show it on.
    """
    found = _find(bus)
    if not can_be_drawn_on():
        raise UnsupportedError(
            "the console needs a terminal that can be drawn on as its input and error output; "
            "`ipcm ps` and `ipcm tail` work without one"
        )
    # An exception out of a signal handler would tear the event loop, or be lost in it.
    with deferred() as interrupts, asyncio.Runner() as runner:
        runner.get_loop()  # for which there may be no descriptors: before what it is to run
        return runner.run(_run(found, demo, read_only, interrupts))


def _find(bus: AnyBus | None) -> Bus | None:
    try:
        return find_bus(bus)
    except (ManyBuses, NoSuchBus):
        if bus is None and not os.environ.get("IPCM_BUS"):
            return None  # the list says so, too, and waits for one to come
        raise


async def _run(found: Bus | None, demo: bool, read_only: bool, interrupts: Interrupts) -> int:
    source = None if found is None else await open_source(found, read_only)
    app = ConsoleApp(
        source,
        None if found is None else BusFacts.of(found),
        buses=HostBuses(),
        outputs=open_output,
        demo=demo,
        read_only=read_only,
        interrupts=interrupts,
        history=History(state_directory() / "requests.jsonl"),
        keymap=read_keymap(),
        chosen=ChosenTheme(state_directory() / "theme"),
    )
    app.driver_class = lasting(app.driver_class)
    await app.run_async(size=size_where_unknown())
    return app.return_code or 0
