"""Endpoints: typed methods that requests are dispatched to."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from ipcm.errors import UsageError

__all__ = ["BadRequest", "Endpoint", "Endpoints", "endpoint", "endpoint_name", "is_endpoint"]

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__ipcm_endpoint__"


class BadRequest(UsageError):
    """A request that fits no endpoint; its text goes to the asker."""


def endpoint(function: F) -> F:
    """Marks a method as an endpoint: `{"endpoint": name, "args": {...}}` calls it.

    Its type hints validate the arguments (by msgspec), its docstring describes it.
    """
    setattr(function, _MARK, True)
    return function


def is_endpoint(value: object) -> bool:
    """Whether `endpoint` has marked it."""
    return callable(value) and bool(getattr(value, _MARK, False))


class EndpointCall(msgspec.Struct):
    """The payload of a request for an endpoint."""

    endpoint: str
    args: dict[str, Any] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: its bound method and the struct that its arguments must fit."""

    name: str
    function: Callable[..., Any]
    arguments: type[msgspec.Struct]
    doc: str

    @classmethod
    def of(cls, name: str, function: Callable[..., Any]) -> Endpoint:
        """Reads the signature.

        Raises:
            UsageError: it has positional-only or variable parameters.
        """
        hints = typing.get_type_hints(function)
        fields: list[Any] = []
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise UsageError(f"endpoint {name!r}: parameter {parameter} cannot come by name")
            hint = hints.get(parameter.name, Any)
            if parameter.default is parameter.empty:
                fields.append((parameter.name, hint))
            else:
                fields.append((parameter.name, hint, _default(parameter.default)))
        arguments = msgspec.defstruct(
            f"{name}_arguments", fields, forbid_unknown_fields=True, kw_only=True
        )
        return cls(name, function, arguments, inspect.getdoc(function) or "")

    def call(self, args: dict[str, Any]) -> Any:
        """Validates and calls.

        Raises:
            BadRequest: the arguments do not fit; it says which, and how it should be called.
        """
        try:
            values = msgspec.convert(args, self.arguments)
        except msgspec.ValidationError as error:
            raise BadRequest(f"bad arguments for {self.signature()}: {error}") from None
        return self.function(**{f: getattr(values, f) for f in values.__struct_fields__})

    def signature(self) -> str:
        """As one would write it: `add(a: int, b: int = 0) -> int`."""
        return f"{self.name}{inspect.signature(self.function, eval_str=True)}"

    def describe(self) -> dict[str, Any]:
        """Name, signature, docstring, JSON schema of the parameters."""
        return {
            "name": self.name,
            "signature": self.signature(),
            "doc": self.doc,
            "parameters": msgspec.json.schema(self.arguments),
        }


class Endpoints:
    """The endpoints of one service, by name.

    Args:
        service: those methods of its class that are marked. more: functions, by name.
    """

    def __init__(
        self, service: object, more: Mapping[str, Callable[..., Any]] | None = None
    ) -> None:
        self._endpoints: dict[str, Endpoint] = {
            name: Endpoint.of(name, function) for name, function in (more or {}).items()
        }
        for name in dir(type(service)):
            if is_endpoint(getattr(type(service), name, None)):
                self._endpoints[name] = Endpoint.of(name, getattr(service, name))

    def __bool__(self) -> bool:
        return bool(self._endpoints)

    def __iter__(self) -> typing.Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def call(self, payload: Any) -> Any:
        """Dispatches a request's payload.

        Raises:
            BadRequest: no such endpoint, or not a call.
        """
        known = ", ".join(sorted(self._endpoints)) or "none"
        try:
            call = msgspec.convert(payload, EndpointCall)
        except msgspec.ValidationError:
            raise BadRequest(
                f'expected {{"endpoint": name, "args": {{...}}}}; endpoints: {known}'
            ) from None
        found = self._endpoints.get(call.endpoint)
        if found is None:
            raise BadRequest(f"no endpoint {call.endpoint!r}; endpoints: {known}")
        return found.call(call.args)


def endpoint_name(payload: Any) -> str:
    """The endpoint that a request is for, or "": for the figures, so it must not fail."""
    if type(payload) is dict:
        name = payload.get("endpoint")
        if type(name) is str:
            return name[:80]
    return ""


def _default(value: Any) -> Any:
    if isinstance(value, list | dict | set):
        return msgspec.field(default_factory=value.copy)
    return value
