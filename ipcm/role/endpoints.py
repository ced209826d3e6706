"""Endpoints: typed callables that requests are dispatched to."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any, Final, TypeVar

import msgspec

from ipcm.errors import UsageError
from ipcm.message import Request

__all__ = [
    "BadRequest",
    "Endpoint",
    "Endpoints",
    "endpoint",
    "endpoint_name",
    "is_endpoint",
    "marked_methods",
    "name_callables",
]

F = TypeVar("F", bound=Callable[..., Any])

_MARK: Final = "__ipcm_endpoint__"
_HINTS: Final = "__ipcm_hints__"


class BadRequest(UsageError):
    """A request that fits no endpoint; its text goes to the asker."""


def endpoint(function: F) -> F:
    """Marks a method as an endpoint: `{"endpoint": name, "args": {...}}` calls it.

    Its type hints validate the arguments (by msgspec), its docstring describes it. It may be a
    coroutine, a staticmethod or a classmethod; a subclass that overrides it keeps the mark. A
    parameter with the hint `ipcm.Request` gets the request, which tells who asks; it is none of
    the arguments that may be given.
    """
    plain = _plain(function)
    setattr(plain, _MARK, True)
    with contextlib.suppress(NameError, TypeError):  # a class still to come: read later
        setattr(plain, _HINTS, _hints(plain, sys._getframe(1)))
    return function


def is_endpoint(value: object) -> bool:
    """Whether `endpoint` has marked it."""
    return bool(getattr(_plain(value), _MARK, False))


def name_callables(
    given: Iterable[Callable[..., Any]] | Mapping[str, Callable[..., Any]],
) -> dict[str, Callable[..., Any]]:
    """Endpoints that are given and no methods, by name.

    Raises:
        UsageError: one that cannot be called, or has no name.
    """
    if not isinstance(given, Iterable):
        raise UsageError(
            f"endpoints are a list of callables, or a mapping of names to them; got {given!r:.100}"
        )
    if not isinstance(given, Mapping):
        given = {getattr(each, "__name__", ""): each for each in given}
    for name, function in given.items():
        if not (isinstance(name, str) and name.isidentifier() and callable(function)):
            raise UsageError(
                f"endpoints are callables with a name, or a mapping of names to callables; "
                f"got {name!r}: {function!r:.100}"
            )
    return dict(given)


class EndpointCall(msgspec.Struct):
    """The payload of a request for an endpoint."""

    endpoint: str
    args: dict[str, Any] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: its bound method and the struct that its arguments must fit.

    Attributes:
        takes_request: the parameters that get the request itself.
    """

    name: str
    function: Callable[..., Any]
    arguments: type[msgspec.Struct]
    takes_request: tuple[str, ...]
    returns: Any
    doc: str

    @classmethod
    def of(cls, name: str, function: Callable[..., Any]) -> Endpoint:
        """Reads the signature.

        Raises:
            UsageError: it has positional-only or variable parameters, or a hint that names
                nothing known or that nothing can be checked by.
        """
        try:
            hints = _hints(_plain(function))
            signature = inspect.signature(function)
        except (NameError, TypeError, ValueError) as error:
            raise UsageError(f"endpoint {name!r} cannot be read: {error}") from None
        fields: list[Any] = []
        takes_request: list[str] = []
        for parameter in signature.parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise UsageError(f"endpoint {name!r}: parameter {parameter} cannot come by name")
            hint = hints.get(parameter.name, Any)
            if hint is Request:
                takes_request.append(parameter.name)
            elif parameter.default is parameter.empty:
                fields.append((parameter.name, hint))
            else:
                fields.append((parameter.name, hint, _default(parameter.default)))
        try:
            arguments = msgspec.defstruct(
                f"{name}_arguments", fields, forbid_unknown_fields=True, kw_only=True
            )
            msgspec.json.Decoder(arguments)
        except TypeError as error:
            raise UsageError(f"endpoint {name!r}: {error}") from None
        returns = hints.get("return", Any)
        doc = inspect.getdoc(_plain(function)) or ""
        return cls(name, function, arguments, tuple(takes_request), returns, doc)

    def call(self, args: dict[str, Any], request: Request | None = None) -> Any:
        """Validates and calls.

        Args:
            args: the arguments by name. request: which they came with.

        Raises:
            BadRequest: the arguments do not fit; it says which, and how it should be called.
        """
        try:
            values = msgspec.convert(args, self.arguments, str_keys=True)
        except msgspec.ValidationError as error:
            raise BadRequest(f"bad arguments for {self.signature()}: {error}") from None
        given = {f: getattr(values, f) for f in values.__struct_fields__}
        for name in self.takes_request:
            given[name] = request
        return self.function(**given)

    def signature(self) -> str:
        """As one would write it: `add(a: int, b: int = 0) -> int`."""
        signature = inspect.signature(self.function)
        hints = {field.name: field.type for field in msgspec.structs.fields(self.arguments)}
        parameters = [
            each.replace(annotation=hints[each.name]) if each.annotation is not each.empty else each
            for each in signature.parameters.values()
            if each.name not in self.takes_request
        ]
        returns = signature.return_annotation
        if returns is not signature.empty:
            returns = None if self.returns is type(None) else self.returns
        return f"{self.name}{signature.replace(parameters=parameters, return_annotation=returns)}"

    def describe(self) -> dict[str, Any]:
        """Name, signature, docstring, JSON schemas of the parameters and of what it returns."""
        return {
            "name": self.name,
            "signature": self.signature(),
            "doc": self.doc,
            "parameters": _schema(self.arguments),
            "returns": _schema(self.returns),
        }


class Endpoints:
    """The endpoints of one service, by name.

    Args:
        service: its marked methods are endpoints. more: functions, by name.
    """

    def __init__(self, service: object, more: Mapping[str, Callable[..., Any]]) -> None:
        self._endpoints: dict[str, Endpoint] = {}
        for name in marked_methods(type(service)):
            self._endpoints[name] = Endpoint.of(name, getattr(service, name))
        for name, function in more.items():
            self._endpoints[name] = Endpoint.of(name, function)

    def __bool__(self) -> bool:
        return bool(self._endpoints)

    def __iter__(self) -> typing.Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def call(self, payload: Any, request: Request | None = None) -> Any:
        """Dispatches a request's payload; endpoints that ask for it get the request, too.

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
        return found.call(call.args, request)


def endpoint_name(payload: Any) -> str:
    """The endpoint that a request is for, or "": for the figures, so it must not fail."""
    if type(payload) is dict:
        name = payload.get("endpoint")
        if type(name) is str:
            return name[:80]
    return ""


def marked_methods(kind: type) -> list[str]:
    """Names of methods that the class, or one that it inherits from, has marked."""
    marked: set[str] = set()
    for base in kind.__mro__[:-1]:  # object marks nothing
        # What a class of ours marks is known; a consumer's may change.
        look = _marked_once if base.__module__.startswith("ipcm.role.") else _marked_in
        marked.update(look(base))
    return sorted(name for name in marked if callable(getattr(kind, name)))


def _marked_in(base: type) -> list[str]:
    return [name for name, value in vars(base).items() if is_endpoint(value)]


_marked_once: Final = functools.cache(_marked_in)


def _plain(function: Any) -> Any:
    """The function in a bound method, a staticmethod, a classmethod or a partial."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__func__", function)


def _hints(plain: Any, frame: FrameType | None = None) -> dict[str, Any]:
    """The hints of a function, each as the object that it names.

    Args:
        frame: the class body that it stands in: what is local there, and in the function around
            it, may be named too.
    """
    hints: dict[str, Any] | None = getattr(plain, _HINTS, None)
    if hints is not None:
        return hints
    if not inspect.isroutine(plain):
        plain = type(plain).__call__
    try:
        return typing.get_type_hints(plain, include_extras=True)
    except NameError:
        if frame is None or frame.f_back is None:
            raise
        names = {**frame.f_back.f_locals, **frame.f_locals}
        return typing.get_type_hints(plain, localns=names, include_extras=True)


def _schema(hint: Any) -> dict[str, Any]:
    try:
        # What JSON knows nothing of may be anything; an empty schema would be none to msgspec.
        return msgspec.json.schema(hint, schema_hook=lambda kind: {"title": kind.__name__})
    except TypeError:
        return {}  # of what it returns, that is: nothing checks it


def _default(value: Any) -> Any:
    if isinstance(value, list | dict | set):
        # Of an empty one the schema tells where its type makes it.
        bare = not value and type(value) in (list, dict, set)
        return msgspec.field(default_factory=type(value) if bare else value.copy)
    try:
        msgspec.to_builtins(value)
    except TypeError:
        # What only Python has, as a marker for "not given": no schema could hold it.
        return msgspec.field(default_factory=lambda: value)
    return value
