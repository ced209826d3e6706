"""JSON schemas as services describe their endpoints with (JSON Schema 2020-12, the part of it
that msgspec writes): what they say, what they offer, and whether a value fits.

Patterns are left to the service: one that never ends is easily written. A schema that leads to
itself without end raises RecursionError.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ipcm.console.json_text import Path

__all__ = ["Schema"]

_DEPTH: Final = 32
"""References that lead to references, at most: a service may say anything of itself."""

_EMPTY: Final[dict[str, Any]] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
    "object": {},
}
_BOUNDS: Final[dict[str, tuple[Callable[[float, float], bool], str]]] = {
    "minimum": (operator.lt, "at least"),
    "exclusiveMinimum": (operator.le, "more than"),
    "maximum": (operator.gt, "at most"),
    "exclusiveMaximum": (operator.ge, "less than"),
}
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


@dataclass(frozen=True, slots=True)
class Schema:
    """One schema, of the document that its references point into."""

    node: Any
    root: Any

    @classmethod
    def of(cls, document: Any) -> Schema:
        """The schema of a whole document; anything that is none allows everything."""
        return cls(document, document)._resolved()

    def _resolved(self) -> Schema:
        node = self.node
        for _ in range(_DEPTH):
            reference = node.get("$ref") if isinstance(node, Mapping) else None
            if not isinstance(reference, str):
                break
            node = self.root
            for step in reference.removeprefix("#/").split("/"):
                node = node.get(step) if isinstance(node, Mapping) else None
        return Schema(node if isinstance(node, Mapping) else {}, self.root)

    def _sub(self, node: Any) -> Schema:
        return Schema(node, self.root)._resolved()

    def _get(self, key: str, kind: type) -> Any:
        value = self.node.get(key)
        return value if isinstance(value, kind) else kind()

    @property
    def any_of(self) -> list[Schema]:
        """The schemas of which one has to fit; itself where there is no choice."""
        return self._choices() or [self]

    def _choices(self) -> list[Schema]:
        return [self._sub(each) for each in (*self._get("anyOf", list), *self._get("oneOf", list))]

    @property
    def properties(self) -> dict[str, Schema]:
        """The properties of an object, by name."""
        found: dict[str, Schema] = {}
        for each in self.any_of:
            for name, node in each._get("properties", dict).items():
                found.setdefault(name, self._sub(node))
        return found

    @property
    def required(self) -> list[str]:
        """Properties that an object has to have."""
        return [name for name in self._get("required", list) if isinstance(name, str)]

    @property
    def kind(self) -> str:
        """What it is, in a few words: "string", "integer or null", "one of a, b"."""
        if choices := self._choices():
            return " or ".join(dict.fromkeys(each.kind for each in choices))
        if values := self._get("enum", list):
            return "one of " + ", ".join(map(_short, values))
        if "const" in self.node:
            return _short(self.node["const"])
        kind = self.node.get("type")
        if isinstance(kind, list):
            return " or ".join(map(str, kind))
        return str(kind or ("object" if "properties" in self.node else "anything"))

    def about(self, required: bool) -> str:
        """Its kind, and whether it is required, or its default."""
        if required:
            return f"{self.kind}, required"
        if "default" in self.node:
            return f"{self.kind}, default {_short(self.node['default'])}"
        return self.kind

    def at(self, path: Path) -> Schema:
        """What a value at this place of a document has to be."""
        schema = self
        for step in path:
            schema = schema._step(step)
        return schema

    def _step(self, step: str | int) -> Schema:
        if isinstance(step, str):
            found = self.properties.get(step)
            if found is not None:
                return found
            nodes: Iterator[Any] = (each.node.get("additionalProperties") for each in self.any_of)
        else:
            nodes = (each._item(step) for each in self.any_of)
        return self._sub(next((node for node in nodes if isinstance(node, Mapping)), {}))

    def _item(self, index: int) -> Any:
        first = self._get("prefixItems", list)
        return first[index] if index < len(first) else self.node.get("items")

    def values(self) -> list[Any]:
        """Values that can be offered: all of an enumeration, both booleans, null, the default."""
        found: list[Any] = []
        for each in self.any_of:
            found += each._get("enum", list)
            if "const" in each.node:
                found.append(each.node["const"])
            if each.node.get("type") == "boolean":
                found += [True, False]
            if each.node.get("type") == "null":
                found.append(None)
        if "default" in self.node:
            found.append(self.node["default"])
        unique: dict[str, Any] = {json.dumps(value): value for value in found}
        return list(unique.values())

    def template(self) -> Any:
        """The smallest value to start from: required properties, each empty."""
        first = self.any_of[0]
        properties = first.properties
        if properties:
            return {name: properties[name].template() for name in first.required
                    if name in properties}  # fmt: skip
        values = first.values()
        return values[0] if values else _EMPTY.get(str(first.node.get("type")))

    def fault(self, value: Any, path: Path = ()) -> tuple[Path, str] | None:
        """Why a value does not fit, and which part of it; None where it does."""
        if choices := self._choices():
            faults = [each.fault(value, path) for each in choices]
            if None in faults:
                return None
            deep = [fault for fault in faults if fault is not None and fault[0] != path]
            return deep[0] if deep else (path, f"{self.kind} is wanted, not {_short(value)}")
        return self._own_fault(value, path)

    def _own_fault(self, value: Any, path: Path) -> tuple[Path, str] | None:
        node = self.node
        kinds = node.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds] if kinds else []
        if kinds and not any(_is(value, str(kind)) for kind in kinds):
            return path, f"{self.kind} is wanted, not {_short(value)}"
        if "enum" in node and not any(_same(value, each) for each in self._get("enum", list)):
            return path, f"{self.kind} is wanted, not {_short(value)}"
        if "const" in node and not _same(value, node["const"]):
            return path, f"{self.kind} is wanted, not {_short(value)}"
        if (text := _out_of_bounds(value, node)) is not None:
            return path, text
        if isinstance(value, dict):
            return self._object_fault(value, path)
        if isinstance(value, list):
            for index, each in enumerate(value):
                if fault := self._step(index).fault(each, (*path, index)):
                    return fault
        return None

    def _object_fault(self, value: dict[str, Any], path: Path) -> tuple[Path, str] | None:
        properties = self.properties
        for name, each in value.items():
            if name not in properties and self.node.get("additionalProperties") is False:
                known = ", ".join(properties) or "none"
                return (*path, name), f"no parameter {name!r}; there are: {known}"
            if fault := self._step(name).fault(each, (*path, name)):
                return fault
        missing = [name for name in self.required if name not in value]
        return (path, f"{' and '.join(missing)} missing") if missing else None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS.get(kind, (object,)))


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _out_of_bounds(value: Any, node: Mapping[str, Any]) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for key, (wrong, text) in _BOUNDS.items():
            limit = node.get(key)
            if isinstance(limit, int | float) and wrong(value, limit):
                return f"{text} {limit:g} is wanted, not {_short(value)}"
    if isinstance(value, str | list):
        thing = "Length" if isinstance(value, str) else "Items"
        unit = "characters" if isinstance(value, str) else "items"
        least, most = node.get(f"min{thing}"), node.get(f"max{thing}")
        if isinstance(least, int) and len(value) < least:
            return f"at least {least} {unit} are wanted, not {len(value)}"
        if isinstance(most, int) and len(value) > most:
            return f"at most {most} {unit} are wanted, not {len(value)}"
    return None


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 40 else f"{text[:40]}..."
