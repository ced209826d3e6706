"""A form for the arguments of an endpoint, from the schema that the service describes it with."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ipcm.console.live import EndpointDescription
from ipcm.console.payload import loads
from ipcm.console.schema import Schema

__all__ = ["FormField", "args_of", "doc_of", "read_form", "texts_of"]

_PARAMETER: Final = re.compile(r"^(\s*)\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")
_SECTION: Final = re.compile(r"^\s*(Args|Arguments|Parameters):\s*$")
_TYPES: Final = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None",
    "object": "dict", "array": "list", "anything": "any",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class FormField:
    """One parameter.

    Attributes:
        doc: one line about it.
    """

    name: str
    schema: Schema
    required: bool
    doc: str = ""

    @property
    def type(self) -> str:
        """As one would write it in Python."""
        words = self.schema.kind.split(" or ")
        return " | ".join(_TYPES.get(word, word) for word in words)

    @property
    def hint(self) -> str:
        """What an empty field says."""
        if self.required:
            return "needed"
        if "default" not in self.schema.node:
            return "may be left empty"
        default = self.schema.node["default"]
        return f"{json.dumps(default, ensure_ascii=False)}, if left empty"

    @property
    def takes_text(self) -> bool:
        """Whether text needs no quotes."""
        return any(
            each.node.get("type") == "string" or not each.node for each in self.schema.any_of
        )


def read_form(endpoint: EndpointDescription) -> tuple[FormField, ...]:
    """The fields of a form; none where the schema leads to itself without end."""
    docs = doc_of(endpoint.doc)
    try:
        schema = Schema.of(endpoint.parameters)
        required = set(schema.required)
        return tuple(
            FormField(name, each, name in required, docs.get(name, ""))
            for name, each in schema.properties.items()
            if each.kind
        )
    except RecursionError:
        return ()


def doc_of(docstring: str) -> dict[str, str]:
    """What a docstring's Args section says of each parameter (Google style)."""
    docs: dict[str, str] = {}
    inside, margin, column, name = False, 0, 0, ""
    for line in docstring.splitlines():
        indent = len(line) - len(line.lstrip())
        if _SECTION.match(line):
            inside, margin = True, indent
        elif inside and line.strip():
            if indent <= margin:
                break
            match = _PARAMETER.match(line)
            if match and (not name or indent <= column):
                name, column = match[2], indent
                docs[name] = match[3].strip()
            elif name:
                docs[name] = f"{docs[name]} {line.strip()}".strip()
    return docs


def args_of(
    fields: Sequence[FormField], texts: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The arguments as typed, and what is wrong, by the names of the fields.

    What is left empty is left out; text needs no quotes, where text can be meant.
    """
    args: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in fields:
        text = texts.get(field.name, "")
        if not text.strip():
            if field.required:
                problems[field.name] = "needed"
            continue
        try:
            value = args[field.name] = _read(field, text)
            fault = field.schema.fault(value)
        except (ValueError, RecursionError) as error:
            problems[field.name] = str(error)
        else:
            if fault is not None:
                problems[field.name] = fault[1]
    return args, problems


def texts_of(fields: Sequence[FormField], args: Mapping[str, Any]) -> dict[str, str]:
    """The other way round: what `args_of` reads as these arguments."""
    texts = {}
    for field in fields:
        if field.name in args:
            value = args[field.name]
            written = json.dumps(value, ensure_ascii=False)
            bare = isinstance(value, str) and field.takes_text and value.strip() == value
            texts[field.name] = value if bare and _as_read(field, value) == value else written
    return texts


def _as_read(field: FormField, text: str) -> Any:
    try:
        return _read(field, text) if text.strip() else None
    except (ValueError, RecursionError):
        return None


def _read(field: FormField, text: str) -> Any:
    only_text = field.schema.kind == "string"
    if only_text and not text.startswith('"'):
        return text
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        if field.takes_text or text in field.schema.values():
            return text
        if field.type.startswith("one of "):
            raise ValueError(field.type) from None
        raise ValueError(f"{field.type}, as JSON: {error.msg.lower()}") from None
