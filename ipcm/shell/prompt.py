"""The prompt.

A line is edited in the event loop of prompt_toolkit; a verb runs between two prompts, in the main
thread and on a terminal that is as any program finds it. So Ctrl-C reaches a running verb as it
does on the command line, questions and full screens have the terminal for themselves, and no
thread is there when a verb forks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from signal import Signals
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.application.run_in_terminal import run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer
from prompt_toolkit.completion import Completion as Offered
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import is_done
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.layout import ConditionalContainer, FormattedTextControl, HSplit, Window
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.shortcuts import print_formatted_text
from prompt_toolkit.styles import Style

from ipcm._os.interrupt import Interrupts, deferred, heeded
from ipcm.console.cells import clean
from ipcm.console.completer import complete
from ipcm.console.layout import cut
from ipcm.console.words import statements
from ipcm.shell.colour import STYLE
from ipcm.shell.feed import Feed
from ipcm.shell.follow import BATCH, Follow, open_follow
from ipcm.shell.history import KeptHistory, default_path, secret_patterns
from ipcm.shell.keys import make_bindings
from ipcm.shell.session import LEAVING, VERBS, Session
from ipcm.shell.toolbar import BarState, bar, hint
from ipcm.shell.typed import Typed

__all__ = ["Prompt", "run_prompt"]

_MENU: Final = 6
_SOON: Final = 0.05
_TYPING: Final = 0.3
_PATIENCE: Final = 1.0


def run_prompt(session: Session) -> int:
    """Prompts and runs until the user leaves; returns 0."""
    prompt = Prompt(session)
    try:
        return prompt.run()
    finally:
        prompt.close()


class _Completer(Completer):
    def __init__(self, session: Session, feed: Feed) -> None:
        self._session = session
        self._feed = feed

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Offered]:
        """See prompt_toolkit."""
        found = complete(
            document.text,
            document.cursor_position,
            self._feed,
            VERBS,
            self._session.asking,
            response=self._session.last,
        )
        for each in found:
            yield Offered(
                each.text + ("" if each.more else " ") * event.completion_requested,
                each.start - document.cursor_position,
                clean(each.display),
                clean(each.meta),
            )


class _Colours(Lexer):
    def __init__(self, typed: Typed) -> None:
        self._typed = typed

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """See prompt_toolkit."""
        styles = self._typed.styles(document.text)
        starts = [0]
        for line in document.lines:
            starts.append(starts[-1] + len(line) + 1)

        def line_of(number: int) -> StyleAndTextTuples:
            if number >= len(document.lines):
                return []
            here = styles[starts[number] : starts[number + 1]]
            return [
                (f"class:{style}" if style else "", character)
                for character, style in zip(document.lines[number], here, strict=False)
            ]

        return line_of


class Prompt:
    """One shell at a terminal."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._feed = Feed()
        self._typed = Typed(session, self._feed)
        self._follow: Follow | None = None
        self._vi = False
        self._dropped = 0
        self._typed_at = self._shown_at = 0.0
        self._style = Style.from_dict(STYLE)
        self._prompt: PromptSession[str] = PromptSession(
            message=self._message,
            prompt_continuation=lambda width, *_: "." * (width - 1) + " ",
            multiline=True,
            completer=_Completer(session, self._feed),
            complete_while_typing=True,
            reserve_space_for_menu=_MENU,
            auto_suggest=AutoSuggestFromHistory(),
            history=KeptHistory(default_path(), secret_patterns()),
            lexer=_Colours(self._typed),
            key_bindings=make_bindings(self),
            style=self._style,
            include_default_pygments_style=False,
            enable_suspend=True,
        )
        self._prompt.default_buffer.on_text_changed += self._note_typing
        self._add_bar()

    def close(self) -> None:
        """Leaves the bus."""
        self._stop_following()
        self._feed.close()

    def run(self) -> int:
        """See `run_prompt`."""
        while True:
            try:
                heeded()  # in here: the next one may come at once, and cancels no more
                if self._turn():
                    return 0
            except KeyboardInterrupt as interrupt:
                if not _cancels(getattr(interrupt, "signal", None)):
                    raise

    def _turn(self) -> bool:
        """Reads once, and runs what was typed; says whether the user leaves."""
        with deferred() as interrupts:
            self._follow_bus()
            text = self._read(interrupts)
        # A signal that came meanwhile has been raised by now.
        if text is None or text.strip() in LEAVING:
            return True
        self._run(text)
        return False

    def _read(self, interrupts: Interrupts) -> str | None:
        """One or several lines; None where the user leaves."""
        try:
            return self._prompt.prompt(
                pre_run=lambda: self._start_background(interrupts),
                vi_mode=self._vi,
                # Its own way with one that comes while it begins or ends is a traceback.
                handle_sigint=Interrupts.current is None,
            )
        except KeyboardInterrupt:
            return ""  # the line is cancelled
        except EOFError:
            return None

    def _run(self, text: str) -> None:
        """Runs what was typed, up to the first error."""
        for line in statements(text):
            try:
                if self._session.run(text, line):
                    return
            except KeyboardInterrupt as interrupt:
                if not _cancels(getattr(interrupt, "signal", None)):
                    raise
                heeded()
                self._session.voice.narrate("\ncancelled")
                return

    # The bus

    def _follow_bus(self) -> None:
        self._feed.follow(self._session.current)
        if self._follow is not None:
            self._stop_following()
            self.toggle_following()

    def toggle_following(self) -> None:
        """Shows the traffic above the prompt, or no longer."""
        if self._follow is not None:
            self._stop_following()
            return
        follow = open_follow(self._session.current)
        if isinstance(follow, Follow):
            self._follow = follow
        else:
            self._say(follow)

    def _stop_following(self) -> None:
        if self._follow is not None:
            self._dropped += self._follow.dropped
            self._follow.close()
            self._follow = None

    def _start_background(self, interrupts: Interrupts) -> None:
        get_app().create_background_task(self._in_background(interrupts))

    async def _in_background(self, interrupts: Interrupts) -> None:
        """While one types: keeps fresh what is known, shows traffic, heeds signals."""
        app = get_app()
        while True:
            if interrupts.pending is not None and not app.is_done and app.is_running:
                cancels = _cancels(interrupts.pending)
                app.exit(
                    exception=KeyboardInterrupt() if cancels else EOFError(),
                    style="class:aborting" if cancels else "",
                )
                return
            changed = self._feed.tick()
            if self._follow is not None:
                await self._show_traffic(self._follow)
            elif changed:
                app.invalidate()
            await asyncio.sleep(_SOON if self._feed.waiting else BATCH)

    async def _show_traffic(self, follow: Follow) -> None:
        now = time.monotonic()
        # While one types, the prompt is drawn anew for keys, and for traffic only now and then.
        if now - self._typed_at < _TYPING and now - self._shown_at < _PATIENCE:
            return
        self._shown_at = now
        if lines := follow.batch():
            text = FormattedText()
            for number, line in enumerate(lines):
                text += [("", "\n")] if number else []
                room = get_app().output.get_size().columns - 1
                spans = cut([(clean(words), style) for words, style in line], room)
                text += [(f"class:{style}" if style else "", words) for words, style in spans]
            await run_in_terminal(lambda: print_formatted_text(text, style=self._style))
        if follow.over:
            self._stop_following()

    def _note_typing(self, _: object) -> None:
        self._typed_at = time.monotonic()

    def _say(self, text: str) -> None:
        get_app().create_background_task(_awaited(lambda: self._session.voice.narrate(text)))

    # Keys

    def cycle_format(self) -> None:
        """The next output format."""
        self._session.cycle_format()

    def toggle_vi(self) -> None:
        """The keys of vi, or those of emacs."""
        self._vi = not self._vi
        get_app().editing_mode = EditingMode.VI if self._vi else EditingMode.EMACS

    def is_open(self, text: str) -> bool:
        """Whether the text goes on in a next line."""
        return self._typed.open(text)

    # What is shown

    def _message(self) -> StyleAndTextTuples:
        bus = self._session.current
        if bus is None:
            return [("class:prompt", "ipcm"), ("", "> ")]
        style = "class:prompt.gone" if self._feed.gone else "class:prompt"
        return [(style, clean(bus.name)), ("", "> ")]

    def _add_bar(self) -> None:
        # Not `bottom_toolbar`, which hides until the terminal has said where its cursor is: some
        # never say.
        rows = [
            Window(FormattedTextControl(self._hint), height=1, dont_extend_height=True),
            Window(
                FormattedTextControl(self._bar),
                height=1,
                style="class:bar",
                dont_extend_height=True,
            ),
        ]
        container = self._prompt.layout.container
        assert isinstance(container, HSplit)
        container.children.append(ConditionalContainer(HSplit(rows), filter=~is_done))

    def _hint(self) -> StyleAndTextTuples:
        buffer = self._prompt.default_buffer
        statement, problems = self._typed.at(buffer.text, buffer.cursor_position)
        return [*hint(statement, problems, self._feed)]

    def _bar(self) -> StyleAndTextTuples:
        bus = self._session.current
        following = self._follow.dropped if self._follow is not None else 0
        state = BarState(
            bus=None if bus is None else bus.name,
            gone=self._feed.gone,
            figures=self._feed.figures,
            flashes=self._feed.flashes,
            dropped=self._dropped + following,
            format=self._session.format,
            following=self._follow is not None,
            vi=self._vi,
            read_only=self._session.read_only,
        )
        return [*bar(state, get_app().output.get_size().columns)]


def _cancels(signal: Signals | None) -> bool:
    """Whether it is about the line or the verb, and not about the shell."""
    return signal in (None, Signals.SIGINT)


async def _awaited(write: Callable[[], None]) -> None:
    await run_in_terminal(write)
