"""A field for each parameter of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static

from ipcm_tui.models.form import FormField
from ipcm_tui.models.formatting import pad, printable

__all__ = ["ParameterForm"]

_LABEL = 24


class ParameterForm(VerticalScroll, can_focus=False):
    """Built anew for each endpoint."""

    class Changed(Message):
        """Something was typed."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.fields: tuple[FormField, ...] = ()
        # The children are not only these: those of the form before take a moment to go.
        self._lines: list[FormLine] = []
        self.border_title = "arguments"

    def build(self, fields: Sequence[FormField], texts: Mapping[str, str]) -> None:
        """Other fields, filled with texts."""
        self.fields = tuple(fields)
        self.query(FormLine).remove()
        self._lines = [FormLine(field, texts.get(field.name, "")) for field in fields]
        self.mount_all(self._lines)

    def texts(self) -> dict[str, str]:
        """What is typed, by the names of the parameters."""
        return {line.field.name: line.value for line in self._lines}

    def complain(self, problems: Mapping[str, str]) -> None:
        """Says below each field what is wrong with it."""
        for line in self._lines:
            line.complain(problems.get(line.field.name, ""))

    def focus_first(self) -> None:
        """Puts the focus on the first field."""
        if self._lines:
            self.screen.set_focus(self._lines[0].input)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tells of it."""
        event.stop()
        self.post_message(self.Changed())


class FormLine(Vertical):
    """One parameter: its name and type, a field, and what there is to say.

    Attributes:
        input: the field.
    """

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__()
        self.field = field
        self.input = Input(
            text, placeholder=field.hint, compact=True, select_on_focus=False, classes="value"
        )
        self._said = ""
        self._doc = Static(printable(field.doc), markup=False, classes="doc")
        self._doc.display = bool(field.doc)

    def compose(self) -> ComposeResult:
        """See the class."""
        field = self.field
        needed = "*" if field.required else " "
        with Horizontal():
            label = f"{needed}{field.name}: {field.type}"
            yield Static(pad(printable(label), _LABEL), markup=False, classes="label")
            yield self.input
        yield self._doc

    @property
    def value(self) -> str:
        """What is typed."""
        return self.input.value

    def complain(self, problem: str) -> None:
        """Says what is wrong; "" for nothing."""
        if not self.is_attached:
            return
        wrong = bool(problem) and (problem != "needed" or bool(self.value))
        said = problem if wrong else ""
        if said == self._said:
            return  # to say it again would lay out the whole screen for each key
        self._said = said
        self._doc.set_class(wrong, "-wrong")
        self._doc.update(f"✗ {printable(problem)}" if wrong else printable(self.field.doc))
        self._doc.display = wrong or bool(self.field.doc)
