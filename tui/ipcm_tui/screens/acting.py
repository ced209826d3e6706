"""The base of the screens on which one acts on peers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from signal import Signals
from typing import ClassVar

from textual.binding import Binding, BindingType

from ipcm.console.cells import plural
from ipcm_tui.control import Outcome, Target
from ipcm_tui.models.compose import Draft
from ipcm_tui.models.formatting import format_clock, format_duration, printable
from ipcm_tui.models.peers import Peer
from ipcm_tui.screens.confirm import ConfirmScreen
from ipcm_tui.screens.kill import KillScreen
from ipcm_tui.screens.live import LiveScreen
from ipcm_tui.screens.signals import SignalScreen

__all__ = ["ActingScreen"]

ACTING = frozenset({"compose_request", "terminate", "signal", "kill", "replay", "edit"})
"""What a read-only console refuses."""

_SHOWN = 8


class ActingScreen(LiveScreen):
    """Asks before it acts; whoever derives says on whom."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "compose_request", "Send", tooltip="Send a request", id="send"),
        Binding("ctrl+d,t", "terminate", "Terminate", tooltip="Ask a service to end",
                id="terminate"),
        Binding("ctrl+x", "signal", "Signal", show=False, tooltip="Send a signal", id="signal"),
        Binding("ctrl+k", "kill", "Kill", show=False,
                tooltip="SIGTERM, and SIGKILL after a while", id="kill"),
    ]  # fmt: skip

    def chosen(self) -> Sequence[Peer]:
        """The peers to act on: those that are marked, else the selected one."""
        raise NotImplementedError

    def done(self) -> None:
        """It was acted on those that were chosen."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys work now: None shows one as out of order."""
        del parameters
        if action in ACTING and (self.session.read_only or self.session.over is not None):
            return None
        return True

    def action_compose_request(self) -> None:
        """Opens the composer, for the selected peer where the last draft names none."""
        chosen = [peer for peer in self.chosen() if not peer.is_gone]
        draft = self.console.draft
        if chosen and chosen[0].name != draft.peer:
            draft = Draft(chosen[0].name)
        self.console.compose_request(self.session, draft)

    def action_terminate(self) -> None:
        """Asks first, then the services."""
        peers = [peer for peer in self._living() if self._is_service(peer)]
        if not peers:
            return
        what = "Each is asked" if len(peers) > 1 else "It is asked"
        text = f"{what} to end in order: it cleans up and takes its workers with it."
        self._confirm(
            "Terminate",
            peers,
            text,
            lambda targets: self.run_worker(self._terminate(targets), group="acts"),
        )

    def action_signal(self) -> None:
        """Offers the signals."""
        peers = self._living()
        if not peers:
            return
        targets = [self.session.control.target(peer) for peer in peers]

        def picked(number: Signals | None) -> None:
            if number is not None:
                self.run_worker(self._signal(targets, number), group="acts")

        self.app.push_screen(SignalScreen(self._names(peers)), picked)

    def action_kill(self) -> None:
        """Asks first; then TERM, a countdown, KILL."""
        peers = self._living()
        if not peers:
            return
        text = (
            "SIGTERM now, and SIGKILL for who is still there after some seconds: "
            "no clean-up, and its workers die with it. The countdown can be cancelled."
        )
        self._confirm("Kill", peers, text, self._kill)

    # Who

    def _living(self) -> list[Peer]:
        chosen = list(self.chosen())
        gone = [peer for peer in chosen if peer.is_gone]
        if gone:
            left = "has" if len(gone) == 1 else "have"
            self.notify(f"{self._names(gone)} {left} left already.", markup=False)
        return [peer for peer in chosen if not peer.is_gone]

    def _is_service(self, peer: Peer) -> bool:
        if not peer.is_service:
            name = printable(peer.name)
            about = f"{name} is a plain client: only services can be asked to end."
            self.notify(about, markup=False)
        return peer.is_service

    def _names(self, peers: Sequence[Peer]) -> str:
        names = ", ".join(printable(peer.name) for peer in peers[:_SHOWN])
        return f"{names} and {len(peers) - _SHOWN} more" if len(peers) > _SHOWN else names

    def _confirm(
        self,
        verb: str,
        peers: Sequence[Peer],
        text: str,
        act: Callable[[list[Target]], object],
    ) -> None:
        targets = [self.session.control.target(peer) for peer in peers]
        facts = "\n".join(self._facts(peer) for peer in peers[:_SHOWN])
        if len(peers) > _SHOWN:
            facts += f"\nand {len(peers) - _SHOWN} more"
        several = len(peers) > 1
        kind = "services" if all(peer.is_service for peer in peers) else "peers"
        title = f"{verb} {f'{len(peers)} {kind}' if several else printable(peers[0].name)}?"
        # To do it to many, a hasty Enter shall not be enough.
        typed = f"{verb.lower()} {len(peers)}" if several else None
        screen = ConfirmScreen(title, f"{facts}\n{text}", verb, typed=typed)
        self.app.push_screen(screen, lambda sure: self._go_on(targets, act) if sure else None)

    def _go_on(self, targets: list[Target], act: Callable[[list[Target]], object]) -> None:
        act(targets)
        self.done()

    def _facts(self, peer: Peer) -> str:
        clock = self.session.clock
        facts = [
            f"pid {peer.pid}",
            f"up {format_duration(peer.uptime(clock.wall()))}",
            f"since {format_clock(peer.since, clock.zone, millis=False)}",
        ]
        if peer.snapshot is not None:
            facts.insert(2, plural(len(peer.snapshot.workers), "worker"))
        return f"{printable(peer.name)}: {', '.join(facts)}."

    # Acts

    async def _terminate(self, targets: Sequence[Target]) -> None:
        for target in targets:
            self.tell(await self.session.control.terminate(target))

    async def _signal(self, targets: Sequence[Target], number: Signals) -> None:
        for target in targets:
            self.tell(await self.session.control.signal(target, number))
        self.done()

    def _kill(self, targets: list[Target]) -> None:
        self.app.push_screen(KillScreen(self.session, targets, self.console.palette))

    def tell(self, outcome: Outcome) -> None:
        """Says what came of an act."""
        self.notify(outcome.text, severity=outcome.severity, markup=False)
