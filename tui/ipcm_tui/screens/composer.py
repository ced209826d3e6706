"""A request: written, judged as one types, sent, answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Static, TextArea

from ipcm.console.fuzzy import rank
from ipcm.console.live import EndpointDescription
from ipcm_tui.asking import Answer, Asker
from ipcm_tui.history import History
from ipcm_tui.models.cells import Tone
from ipcm_tui.models.compose import Draft, Verdict, arguments_template, check
from ipcm_tui.models.form import FormField, args_of, read_form, texts_of
from ipcm_tui.models.formatting import format_latency, printable
from ipcm_tui.screens.overlay import Overlay
from ipcm_tui.theme import Palette
from ipcm_tui.widgets.json_area import JsonArea
from ipcm_tui.widgets.offer_list import OfferList
from ipcm_tui.widgets.parameter_form import ParameterForm

__all__ = ["ComposerScreen"]

_MOST_SHOWN = 20_000


class ComposerScreen(Overlay[Draft]):
    """Returns what was typed last, so that the next one begins with it.

    Args:
        draft: what to begin with. note: what to say about it; "" for nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,ctrl+enter", "send", "Send", priority=True, id="composer.send"),
        Binding("ctrl+t", "switch", "Form or JSON", priority=True, id="composer.toggle"),
        Binding("ctrl+up", "recall(-1)", "Older", priority=True, id="composer.older"),
        Binding("ctrl+down", "recall(1)", "Newer", priority=True, id="composer.newer"),
        Binding("escape", "close", "Close", id="composer.close"),
    ]

    def __init__(
        self,
        asker: Asker,
        draft: Draft,
        palette: Palette,
        history: History | None = None,
        note: str = "",
    ) -> None:
        super().__init__()
        self._asker = asker
        self._draft = draft
        self._palette = palette
        self._history = history or History()
        self._place = len(self._history.drafts)
        self._note = note
        self._verdict = Verdict(False)
        self._known: dict[str, dict[str, EndpointDescription]] = {}
        self._template = ""
        self._unread = ""
        self._form_wanted = True
        self._waiting: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        """Whom, what, with what; then the verdict, then the answer."""
        box = Vertical(classes="box composer")
        box.border_title = "Send a request"
        box.border_subtitle = "^j sends   ^t form or JSON   ^up older   esc closes"
        with box:
            with Horizontal(id="whom"):
                yield self._input("peer", self._draft.peer, "peer")
                yield self._input("endpoint", self._draft.endpoint, "endpoint, or none")
            yield OfferList(id="offers")
            yield Static(id="offer", markup=False)
            yield ParameterForm(id="form")
            body = JsonArea(self._draft.body, self._palette, id="body")
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
        self._arrange()
        if self._note:
            self._show_answer(self._note, "warn", "")
        self.set_focus(self.query_one("#endpoint" if self._draft.peer else "#peer", Input))

    # Typing

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another peer offers other endpoints, another endpoint wants other arguments."""
        if event.input.id in ("peer", "endpoint"):
            self._read()
            if event.input.id == "endpoint":
                self._fill_arguments()
            self._arrange()
            if event.input.has_focus:
                self._offer_names(event.input)

    def on_parameter_form_changed(self) -> None:
        """The form is another way to write the arguments."""
        self._read()
        self._judge()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """The arguments, or the payload."""
        del event
        self._read()
        self._judge()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """What can be meant is offered where a name is typed."""
        if isinstance(event.widget, Input) and event.widget.id in ("peer", "endpoint"):
            self._offer_names(event.widget)
        else:
            self._offers.display = False

    def on_key(self, event: events.Key) -> None:
        """The offers hear the arrows, and Tab or Enter take the highlighted one."""
        field = self.focused
        offers = self._offers
        if not offers.display or not isinstance(field, Input):
            return
        if event.key in ("down", "up"):
            offers.move(1 if event.key == "down" else -1)
        elif event.key in ("tab", "enter") and offers.chosen not in (None, field.value):
            self._accept(field, str(offers.chosen))
        elif event.key == "escape" and offers.chosen is not None:
            offers.display = False
        else:
            return
        event.stop()
        event.prevent_default()

    def _accept(self, field: Input, name: str) -> None:
        field.value = name
        field.cursor_position = len(name)
        if field.id == "peer":
            self.set_focus(self.query_one("#endpoint", Input))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on from the peer, and sends from elsewhere."""
        if event.input.id == "peer":
            self.set_focus(self.query_one("#endpoint", Input))
        else:
            self.action_send()

    def on_offer_list_picked(self, event: OfferList.Picked) -> None:
        """A click on an offer."""
        field = self.focused
        if isinstance(field, Input):
            self._accept(field, event.name)

    @property
    def _offers(self) -> OfferList:
        return self.query_one(OfferList)

    def _offer_names(self, field: Input) -> None:
        known = self._asker.peer_names() if field.id == "peer" else sorted(self._endpoints())
        names = rank(field.value.strip(), known, str)
        self._offers.offer([] if names == [field.value] else names, typed=bool(field.value))

    def _read(self) -> None:
        peer = self.query_one("#peer", Input).value
        endpoint = self.query_one("#endpoint", Input).value
        form = self.query_one(ParameterForm)
        self._unread = ""
        if form.display:
            texts = form.texts()
            args, problems = args_of(form.fields, texts)
            form.complain(problems)
            # What stands there and cannot be read must not be left out of what is sent.
            unread = [name for name in problems if name not in args and texts[name].strip()]
            self._unread = f"{unread[0]}: {problems[unread[0]]}" if unread else ""
            body = json.dumps(args, ensure_ascii=False) if args else ""
        else:
            body = self.query_one("#body", TextArea).text
        self._draft = Draft(peer, endpoint, body)

    # What the peer offers

    def _endpoints(self) -> dict[str, EndpointDescription]:
        peer = self._draft.peer.strip()
        if peer not in self._asker.peer_names():
            return {}
        if peer not in self._known:
            self._known[peer] = {}
            self.run_worker(self._learn(peer), group="learn")
        return self._known[peer]

    async def _learn(self, peer: str) -> None:
        self._known[peer] = await self._asker.endpoints(peer)
        if self._draft.peer.strip() == peer:
            self._fill_arguments()
            self._arrange()
            field = self.focused
            if isinstance(field, Input) and field.id == "endpoint":
                self._offer_names(field)

    def _facts(self) -> EndpointDescription | None:
        return self._endpoints().get(self._draft.endpoint.strip())

    def _fields(self) -> tuple[FormField, ...]:
        facts = self._facts()
        return () if facts is None else read_form(facts)

    def _arrange(self) -> None:
        """Form or JSON, and what is said above them."""
        endpoints, facts = self._endpoints(), self._facts()
        if facts is not None:
            about = (facts.doc.strip().splitlines() or [""])[0]
            text = f"{facts.signature or facts.name}   {about}".rstrip()
        elif endpoints:
            text = "endpoints: " + " · ".join(sorted(endpoints))
        else:
            text = "no endpoints known; a raw JSON payload goes as it is"
        self.query_one("#offer", Static).update(printable(text))
        body, form = self.query_one("#body", TextArea), self.query_one(ParameterForm)
        body.border_title = "arguments as JSON" if self._draft.endpoint.strip() else "payload"
        fields = self._fields()
        shown = bool(fields) and self._form_wanted
        if shown and form.fields != fields:
            typed = self._draft.body
            args = _object(typed) if typed != self._template else None
            form.build(fields, texts_of(fields, args or {}))
        form.display, body.display = shown, not shown
        # What is judged and sent is what stands there now.
        self._read()
        self._judge()

    def _fill_arguments(self) -> None:
        """Puts a template of the arguments where nothing else was typed."""
        body = self.query_one("#body", TextArea)
        facts = self._facts()
        if body.text.strip() in ("", self._template):
            self._template = arguments_template(facts) if facts is not None else ""
            body.text = self._template
            if not self.query_one(ParameterForm).display:
                self._read()

    def action_switch(self) -> None:
        """The arguments in the other way, as far as they can be."""
        form, body = self.query_one(ParameterForm), self.query_one("#body", TextArea)
        self._read()
        if form.display:
            self._form_wanted = False
            body.text = _indented(self._draft.body) or self._template
        else:
            self._form_wanted = True
            form.build((), {})
        self._arrange()
        if form.display:
            form.focus_first()
        else:
            self.set_focus(body)

    def _judge(self) -> None:
        self._verdict = check(self._draft, self._asker.peer_names(), self._endpoints())
        if self._unread and self._verdict.ok:
            self._verdict = Verdict(False, problem=self._unread, field="body")
        verdict, palette = self._verdict, self._palette
        text = Text()
        if not verdict.ok:
            text.append(f"✗ {printable(verdict.problem)}", style=palette["bad"])
        elif verdict.problem:
            text.append(f"! {printable(verdict.problem)}", style=palette["warn"])
        else:
            text.append("✓ sends ", style=palette["good"])
            shown = json.dumps(verdict.payload, ensure_ascii=False)
            text.append(printable(shown), style=palette["dim"])
        self.query_one("#verdict", Static).update(text, layout=False)
        self.query_one("#send", Button).disabled = not verdict.ok

    # History

    def action_recall(self, by: int) -> None:
        """What was sent before, or after that."""
        drafts = self._history.drafts
        place = min(max(self._place + by, 0), len(drafts))
        if place == self._place:
            self.app.bell()
            return
        self._place = place
        self._put(drafts[place] if place < len(drafts) else Draft(self._draft.peer))

    def _put(self, draft: Draft) -> None:
        self._draft = draft
        with self.prevent(Input.Changed, TextArea.Changed):
            self.query_one("#peer", Input).value = draft.peer
            self.query_one("#endpoint", Input).value = draft.endpoint
            self.query_one("#body", TextArea).text = draft.body
        self.query_one(ParameterForm).build((), {})
        self._offers.display = False
        self._arrange()

    # Sending

    def action_send(self) -> None:
        """Sends what is typed, where it can be sent."""
        self._read()
        self._judge()
        if not self._verdict.ok or self._waiting is not None:
            self.app.bell()
            return
        self._offers.display = False
        self._history.add(self._draft)
        self._place = len(self._history.drafts)
        self._show_answer("◌ waiting for the answer", "warn", "")
        peer = self._draft.peer.strip()
        self._waiting = self._asker.send(peer, self._verdict.payload, self._answered)

    def _answered(self, answer: Answer) -> None:
        self._waiting = None
        if not self.is_mounted:
            return
        took = format_latency(answer.took)
        if answer.error is None:
            self._show_answer(f"✓ answered in {took}", "good", _as_text(answer.payload))
        elif answer.sent:
            self._show_answer(f"✗ failed after {took}", "bad", answer.error)
        else:
            self._show_answer("✗ not sent", "bad", answer.error)

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
            self._waiting.cancel()
        self.dismiss(self._draft)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """For the mouse."""
        if event.button.id == "send":
            self.action_send()
        else:
            self.action_close()


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _indented(text: str) -> str:
    value = _object(text)
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def _as_text(payload: Any) -> str:
    try:
        text = json.dumps(payload, indent=2, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(payload)  # bytes, dates and the like, which JSON has not
    if len(text) > _MOST_SHOWN:
        return f"{text[:_MOST_SHOWN]}\n({len(text) - _MOST_SHOWN:,} characters more)"
    return text
