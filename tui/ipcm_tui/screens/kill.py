"""A kill under way: TERM was sent, KILL follows unless somebody cancels it."""

from __future__ import annotations

from collections.abc import Sequence
from signal import SIGKILL, SIGTERM, Signals
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from ipcm_tui.control import Outcome, Target
from ipcm_tui.models.killing import Countdown
from ipcm_tui.models.peers import exit_text
from ipcm_tui.screens.overlay import Overlay
from ipcm_tui.screens.standing import stands
from ipcm_tui.session import Session
from ipcm_tui.theme import Palette

__all__ = ["KillScreen"]

_TICK = 0.1
_BAR = 40
_SHOWN = 12


class KillScreen(Overlay[None]):
    """Sends TERM when it opens, counts down, and sends KILL to who is still there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "Cancel the KILL", id="kill.cancel"),
        Binding("ctrl+k", "now", "KILL at once", id="kill.now"),
    ]

    def __init__(self, session: Session, targets: Sequence[Target], palette: Palette) -> None:
        super().__init__()
        self._session = session
        self._targets = list(targets)
        self._palette = palette
        self._said: dict[Target, Outcome] = {}
        self._countdown = Countdown(session.clock.monotonic(), len(self._targets))

    def compose(self) -> ComposeResult:
        """Who, how long, and a way out."""
        box = Vertical(classes="box danger")
        box.border_title = "Kill"
        with box:
            yield Static(id="kill-text")
            with Horizontal(classes="buttons"):
                yield Button("Cancel the KILL", id="cancel")
                yield Button("KILL now", id="now", variant="error")

    def on_mount(self) -> None:
        """Sends TERM, and begins to count."""
        self.set_focus(self.query_one("#cancel", Button))
        self._strike(SIGTERM)
        self._tick()
        self.set_interval(_TICK, self._tick)

    def _strike(self, number: Signals) -> None:
        for target in self._targets:
            if self._is_there(target):
                # Who it is is looked at again each time.
                self._said[target] = self._session.control.stop(target, number)

    def _is_there(self, target: Target) -> bool:
        peer = self._session.peers.get(target.key)
        return peer is not None and not peer.is_gone

    def _tick(self) -> None:
        self._session.update()
        now, countdown = self._session.clock.monotonic(), self._countdown
        countdown.left = sum(
            self._is_there(target) and (target not in self._said or self._said[target].done)
            for target in self._targets
        )
        if countdown.phase(now) == "due":
            self.action_now()
        if stands(self):
            self._draw(now)

    def _draw(self, now: float) -> None:
        palette, countdown = self._palette, self._countdown
        lines = [self._line(target) for target in self._targets[:_SHOWN]]
        if len(self._targets) > _SHOWN:
            lines.append(Text(f"and {len(self._targets) - _SHOWN} more", style=palette["dim"]))
        phase = countdown.phase(now)
        if phase == "waiting":
            left = countdown.remaining(now)
            lines.append(Text(f"\nSIGKILL in {left:.1f} s  ", style=palette["warn"]))
            lines[-1].append(countdown.bar(now, _BAR), style=palette["bad"])
        elif phase == "cancelled":
            lines.append(Text("\nNo SIGKILL follows. SIGTERM was sent.", style=palette["good"]))
        else:
            lines.append(Text("\nDone.", style=palette["good"]))
        self.query_one("#kill-text", Static).update(Text("\n").join(lines))
        over = phase in ("done", "cancelled")
        cancel = self.query_one("#cancel", Button)
        cancel.label = "Close" if over else "Cancel the KILL"
        self.query_one("#now", Button).display = not over

    def _line(self, target: Target) -> Text:
        palette = self._palette
        line = Text()
        line.append(f"{target.name} (pid {target.pid})  ", style=palette["strong"])
        said = self._said.get(target)
        if not self._is_there(target):
            peer = self._session.peers.get(target.key)
            how = "ended" if peer is None or peer.exit is None else exit_text(peer.exit)
            return line.append(f"✕ {how}", style=palette["dim"])
        if said is not None:
            return line.append(said.text, style=palette["plain" if said.done else "bad"])
        return line

    def action_now(self) -> None:
        """KILL, to who is still there."""
        if self._countdown.struck or self._countdown.cancelled:
            return
        self._countdown.struck = True
        self._strike(SIGKILL)
        self._draw(self._session.clock.monotonic())

    def action_cancel(self) -> None:
        """Nobody gets KILL; once that is settled, closes."""
        if self._countdown.phase(self._session.clock.monotonic()) == "waiting":
            self._countdown.cancelled = True
            self._draw(self._session.clock.monotonic())
        else:
            self.dismiss()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """For the mouse, and Enter."""
        if event.button.id == "now":
            self.action_now()
        else:
            self.action_cancel()
