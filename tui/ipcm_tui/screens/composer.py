"""A request: written, judged as one types, sent, answered."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static, TextArea

from ipcm.errors import IPCMError
from ipcm.message import Response
from ipcm_tui.asking import Asker
from ipcm_tui.models.cells import Tone
from ipcm_tui.models.compose import Draft, EndpointFacts, Verdict, arguments_template, check
from ipcm_tui.models.formatting import format_latency, printable
from ipcm_tui.theme import Palette

__all__ = ["ComposerScreen"]

_MOST_SHOWN = 20_000


class ComposerScreen(ModalScreen[Draft]):
    """Returns what was typed last, so that the next one begins with it.

    Args:
        draft: what to begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,ctrl+enter", "send", "Send", priority=True, id="composer.send"),
        Binding("escape", "close", "Close", id="composer.close"),
    ]

    def __init__(self, asker: Asker, draft: Draft, palette: Palette) -> None:
        super().__init__()
        self._asker = asker
        self._draft = draft
        self._palette = palette
        self._verdict = Verdict(False)
        self._known: dict[str, dict[str, EndpointFacts]] = {}
        self._template = ""
        self._waiting: int | None = None

    def compose(self) -> ComposeResult:
        """Whom, what, with what; then the verdict, then the answer."""
        box = Vertical(classes="box composer")
        box.border_title = "Send a request"
        box.border_subtitle = "^j sends   → completes   esc closes"
        with box:
            with Horizontal(id="whom"):
                yield self._input("peer", self._draft.peer, "peer")
                yield self._input("endpoint", self._draft.endpoint, "endpoint, or none")
            yield Static(id="offer", markup=False)
            body = TextArea(
                self._draft.body, id="body", show_line_numbers=False, tab_behavior="focus"
            )
            body.border_title = "arguments as JSON"
            yield body
            yield Static(id="verdict")
            answer = VerticalScroll(id="answer")
            answer.border_title = "answer"
            with answer:
                yield Static(id="answer-text")
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close")
                yield Button("Send", id="send", variant="primary")

    def _input(self, id: str, value: str, placeholder: str) -> Input:
        field = Input(value, id=id, placeholder=placeholder, select_on_focus=False)
        field.border_title = id
        return field

    def on_mount(self) -> None:
        """The first field that wants something gets the focus."""
        self.query_one("#peer", Input).suggester = SuggestFromList(self._asker.peer_names())
        self._offer()
        self._judge()
        self.query_one("#endpoint" if self._draft.peer else "#peer", Input).focus()

    # Typing

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another peer offers other endpoints, another endpoint wants other arguments."""
        self._read()
        self._offer()
        if event.input.id == "endpoint":
            self._fill_arguments()
        self._judge()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """The arguments, or the payload."""
        del event
        self._read()
        self._judge()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on from the peer, and sends from the endpoint."""
        if event.input.id == "peer":
            self.query_one("#endpoint", Input).focus()
        else:
            self.action_send()

    def _read(self) -> None:
        self._draft = Draft(
            self.query_one("#peer", Input).value,
            self.query_one("#endpoint", Input).value,
            self.query_one("#body", TextArea).text,
        )

    def _endpoints(self) -> dict[str, EndpointFacts]:
        peer = self._draft.peer.strip()
        if peer not in self._asker.peer_names():
            return {}
        if peer not in self._known:
            self._known[peer] = self._asker.endpoints(peer)
        return self._known[peer]

    def _offer(self) -> None:
        endpoints = self._endpoints()
        field = self.query_one("#endpoint", Input)
        field.suggester = SuggestFromList(sorted(endpoints))
        facts = endpoints.get(self._draft.endpoint.strip())
        if facts is not None:
            about = (facts.doc.strip().splitlines() or [""])[0]
            text = f"{facts.signature or facts.name}   {about}".rstrip()
        elif endpoints:
            text = "endpoints: " + " · ".join(sorted(endpoints))
        else:
            text = "no endpoints known; a raw JSON payload goes as it is"
        self.query_one("#offer", Static).update(printable(text))
        title = "arguments as JSON" if self._draft.endpoint.strip() else "payload as JSON"
        self.query_one("#body", TextArea).border_title = title

    def _fill_arguments(self) -> None:
        """Puts a form for the arguments where nothing else was typed."""
        body = self.query_one("#body", TextArea)
        facts = self._endpoints().get(self._draft.endpoint.strip())
        if body.text.strip() in ("", self._template):
            self._template = arguments_template(facts) if facts is not None else ""
            body.text = self._template

    def _judge(self) -> None:
        self._verdict = check(self._draft, self._asker.peer_names(), self._endpoints())
        verdict, palette = self._verdict, self._palette
        text = Text(no_wrap=True, overflow="ellipsis")
        if not verdict.ok:
            text.append(f"✗ {printable(verdict.problem)}", style=palette["bad"])
        elif verdict.problem:
            text.append(f"! {printable(verdict.problem)}", style=palette["warn"])
        else:
            text.append("✓ sends ", style=palette["good"])
            shown = json.dumps(verdict.payload, ensure_ascii=False)
            text.append(printable(shown), style=palette["dim"])
        self.query_one("#verdict", Static).update(text)
        self.query_one("#send", Button).disabled = not verdict.ok

    # Sending

    def action_send(self) -> None:
        """Sends what is typed, where it can be sent."""
        self._read()
        self._judge()
        if not self._verdict.ok or self._waiting is not None:
            self.app.bell()
            return
        try:
            self._waiting = self._asker.send(
                self._draft.peer.strip(), self._verdict.payload, self._answered
            )
        except IPCMError as error:
            self._show_answer("✗ not sent", "bad", str(error))
        else:
            self._show_answer("◌ waiting for the answer", "warn", "")

    def _answered(self, response: Response, took: float) -> None:
        self._waiting = None
        if response.ok:
            text = _as_text(response.payload)
            self._show_answer(f"✓ answered in {format_latency(took)}", "good", text)
        else:
            text = response.error or str(response.exception)
            self._show_answer(f"✗ failed after {format_latency(took)}", "bad", text)

    def _show_answer(self, headline: str, tone: Tone, text: str) -> None:
        shown = Text(headline, style=self._palette[tone])
        if text:
            lines = "\n".join(printable(line) for line in text.splitlines())
            shown.append("\n" + lines, style=self._palette["plain"])
        self.query_one("#answer-text", Static).update(shown)
        self.query_one("#answer", VerticalScroll).scroll_home(animate=False)

    # Leaving

    def action_close(self) -> None:
        """Keeps the draft; an answer that is still to come is not waited for."""
        self._read()
        if self._waiting is not None:
            self._asker.forget(self._waiting)
        self.dismiss(self._draft)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """For the mouse."""
        if event.button.id == "send":
            self.action_send()
        else:
            self.action_close()


def _as_text(payload: Any) -> str:
    try:
        text = json.dumps(payload, indent=2, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(payload)  # bytes, dates and the like, which JSON has not
    if len(text) > _MOST_SHOWN:
        return f"{text[:_MOST_SHOWN]}\n({len(text) - _MOST_SHOWN:,} characters more)"
    return text
