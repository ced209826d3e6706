"""A line for the verbs that every surface has, and what they give."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, ClassVar, Final

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, RichLog, Static

from ipcm.console.completer import complete
from ipcm.console.performing import explain
from ipcm.console.results import Span
from ipcm.console.statement import check
from ipcm.console.waiting import OutputClosed
from ipcm_tui.living import SessionLive
from ipcm_tui.models.cells import Tone
from ipcm_tui.models.formatting import printable
from ipcm_tui.running import ELSEWHERE, Run, read_line, verbs
from ipcm_tui.screens.confirm import ConfirmScreen
from ipcm_tui.screens.overlay import Overlay
from ipcm_tui.session import Session
from ipcm_tui.theme import Palette
from ipcm_tui.widgets.offer_list import OfferList

__all__ = ["CommandScreen"]

_INDENT: Final = "   "
"""In front of what is below the line: its border and padding."""

_MOST_LINES: Final = 5000
_TONES: Final[dict[str, Tone]] = {
    "name": "strong", "good": "good", "bad": "bad", "heading": "accent", "dim": "dim",
}  # fmt: skip
_OWN_SCREENS: Final = {"top": "services", "tail": "traffic", "tui": "buses"}


class CommandScreen(Overlay[str]):
    """Runs verbs; returns the name of a screen where one shows the same, and better.

    Args:
        text: what to begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="command.close"),
        Binding("ctrl+up,pageup", "scroll(-10)", "Scroll up", priority=True, id="command.up"),
        Binding(
            "ctrl+down,pagedown", "scroll(10)", "Scroll down", priority=True, id="command.down"
        ),
    ]

    def __init__(self, session: Session, palette: Palette, text: str = "") -> None:
        super().__init__()
        self._session = session
        self._palette = palette
        self._text = text
        self._verbs = verbs()
        self._live = SessionLive(session)
        self._run: Run | None = None
        self._starts: dict[str, int] = {}
        self._printed = 0

    def compose(self) -> ComposeResult:
        """The line, what may be meant, what is wrong, the output."""
        box = Vertical(classes="box command")
        box.border_title = "Command"
        box.border_subtitle = "enter runs it   tab completes   ^↑ ^↓ scroll   esc closes"
        with box:
            yield Input(self._text, id="line", placeholder="ps, call store search text=fork",
                        select_on_focus=False)  # fmt: skip
            yield OfferList(id="offers")
            yield Static(id="verdict")
            yield RichLog(id="output", max_lines=_MOST_LINES, wrap=False, min_width=20)

    def on_mount(self) -> None:
        """Ready to type."""
        self.query_one(RichLog).can_focus = False
        field = self.query_one("#line", Input)
        self.set_focus(field)
        field.cursor_position = len(self._text)
        self._look()

    # Typing

    def on_input_changed(self) -> None:
        """Other offers, another verdict."""
        self._look()

    def _look(self) -> None:
        field = self.query_one("#line", Input)
        text, offers = field.value, self.query_one(OfferList)
        found = complete(text, field.cursor_position, self._live, tuple(self._verbs))
        self._starts = {each.text: each.start for each in found}
        offers.offer([each.text for each in found], typed=False)
        verdict = self.query_one("#verdict", Static)
        problems = [] if not text.strip() else check(read_line(text, self._verbs), self._live)
        sure = [each for each in problems if each.kind in ("wrong", "doubt")]
        if sure:
            start = cell_len(text[: sure[0].start])
            place = " " * min(start, max(self.size.width - 40, 0))
            tone: Tone = "bad" if sure[0].kind == "wrong" else "warn"
            verdict.update(Text(f"{_INDENT}{place}^ {printable(sure[0].text)}", self._palette[tone],
                                no_wrap=True, overflow="ellipsis"))  # fmt: skip
        else:
            said = printable(problems[0].text) if problems else ""
            verdict.update(Text(f"{_INDENT}{said}", self._palette["dim"], no_wrap=True))

    def on_key(self, event: events.Key) -> None:
        """The offers hear the arrows, and Tab takes one."""
        offers = self.query_one(OfferList)
        if not offers.display or event.key not in ("up", "down", "tab", "enter"):
            return
        if event.key in ("up", "down"):
            offers.move(1 if event.key == "down" else -1)
        elif event.key == "tab":
            self._take(offers.chosen or offers.first)
        elif offers.chosen is not None:
            self._take(offers.chosen)
        else:
            return
        event.stop()
        event.prevent_default()

    def _take(self, name: str | None) -> None:
        field = self.query_one("#line", Input)
        if name is not None:
            start, end = self._starts.get(name, 0), field.cursor_position
            more = "" if name.endswith(("=", "{", "[", ":")) else " "
            field.value = f"{field.value[:start]}{name}{more}{field.value[end:].lstrip()}"
            field.cursor_position = start + len(name) + len(more)

    def on_offer_list_picked(self, event: OfferList.Picked) -> None:
        """A click on an offer."""
        self._take(event.name)

    # Running

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Runs it."""
        statement = read_line(event.value, self._verbs)
        if statement.verb is None and not statement.problems:
            return
        problem = statement.wrong
        if problem is not None or statement.verb is None or statement.reading is None:
            self._print([(problem.text if problem else "what?", "bad")])
            self.app.bell()
            return
        verb, reading = statement.verb, statement.reading
        if verb.name in ELSEWHERE and not reading.help:
            self._print([(f"`ipcm {verb.name}` wants a terminal of its own", "bad")])
        elif verb.name in _OWN_SCREENS and not reading.slots:
            self.dismiss(_OWN_SCREENS[verb.name])
        else:
            self._stop()
            self._printed = 0
            hand_over = _hand_over_to(self.app)
            self._print([(f"$ ipcm {event.value.strip().removeprefix('ipcm ')}", "heading")])
            try:
                self._run = Run(
                    verb,
                    reading,
                    bus=self._session.facts.info or self._session.facts.name,
                    width=max(self.query_one(RichLog).size.width - 1, 40),
                    read_only=self._session.read_only,
                    ask=lambda question: bool(hand_over(self._ask, question)),
                    tell=lambda line: hand_over(self._print, line),
                    end=lambda code: hand_over(self._ended, code),
                )
            except (OSError, RuntimeError) as error:  # no descriptor, or no thread, is left
                self._print([(explain(error), "bad")])
            self.query_one(OfferList).display = False

    async def _ask(self, question: str) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def settle(sure: bool | None) -> None:
            answer.set_result(bool(sure))

        self.app.push_screen(ConfirmScreen(printable(question), "", "Yes"), settle)
        return await answer

    def _print(self, line: list[Span]) -> None:
        text = Text(no_wrap=True)
        for words, style in line:
            text.append(words, style=self._palette[_TONES.get(style, "plain")])
        self._printed += 1
        for log in self.query(RichLog):  # none any more while the screen goes
            log.write(text, scroll_end=False)
            if not self._at_once:
                # Not later, when what follows may have been scrolled to its top.
                log.scroll_end(animate=False, immediate=True, x_axis=False)

    def _ended(self, code: int) -> None:
        if code:
            self._print([(f"(exit code {code})", "dim")])
        if self._at_once:
            for log in self.query(RichLog):
                log.scroll_to(y=max(len(log.lines) - self._printed, 0), animate=False)

    @property
    def _at_once(self) -> bool:
        """Whether the output is there as a whole, to be read from its top."""
        return self._run is not None and self._run.went_on is False

    def _stop(self) -> None:
        if self._run is not None:
            self._run.stop()
            self._run = None

    def action_scroll(self, by: int) -> None:
        """Through the output."""
        self.query_one(RichLog).scroll_relative(y=by, animate=False)

    def action_close(self) -> None:
        """What has no end ends, too."""
        self.dismiss()

    def on_unmount(self) -> None:
        """However it is closed."""
        self._stop()


def _hand_over_to(app: App[Any]) -> Callable[..., Any]:
    """What a thread calls things with that are the event loop's.

    A verb may outlive the screen that it was typed on, which then knows no app any more, and the
    app itself: then there is nobody to tell.
    """

    def hand_over(act: Callable[..., Any], *given: object) -> Any:
        try:
            if app.is_running:
                return app.call_from_thread(act, *given)
        except (RuntimeError, CancelledError):
            pass  # it ended meanwhile
        raise OutputClosed

    return hand_over
