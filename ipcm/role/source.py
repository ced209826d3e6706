"""Services made of source text: a cell of a notebook, or a file."""

from __future__ import annotations

import difflib
import inspect
import linecache
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from signal import Signals
from typing import Any, Final

from ipcm._core.sourcecode import read_names
from ipcm._os.signal_names import parse_signal
from ipcm.errors import UsageError
from ipcm.message import Message, Request
from ipcm.role.callbacks import HOOKS, TAKES, Service
from ipcm.role.endpoints import BadRequest, endpoint, is_endpoint
from ipcm.role.hooks import check_runs

__all__ = ["GIVEN", "SourceService", "check_hooks"]

GIVEN: Final = ("ipcm", "endpoint")
"""Names that every source has without an import."""

_SIGNAL: Final = re.compile(r"on_sig_?([a-z]\w*)", re.IGNORECASE)
_SERVICE: Final = ("self", "service")


class SourceService(Service):
    """A service whose parts are the top-level functions of a source text.

    The text runs once, in the service's process, before it joins its bus. Of what it binds,
    functions marked as endpoints, and those named as the callbacks of `Service` are, become the
    service's. `on_sig_hup` is called for SIGHUP, and so is what a table `on_sig` has for it.
    Anything else is set-up. A callback may leave out the service; an endpoint gets it as a first
    parameter named `self` or `service`.

    Args:
        source: the text. filename: how tracebacks name it.
        given: names for it to use. namespace: more of them, which stay those of the process
            that forks: the source does not change it.
        params: as for `Service`.
    """

    intercept_errors = True
    expose_error_details = True

    def __init__(
        self,
        *,
        source: str,
        filename: str = "<source>",
        given: Mapping[str, Any] | None = None,
        namespace: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._ipcm_source = source
        self._ipcm_filename = filename
        self._ipcm_given = {**(namespace or {}), **(given or {})}

    def _ipcm_check_answers(self) -> None:
        """What answers is in the source, which has not run yet."""

    def redirect(self) -> None:
        """Runs the source, whose set-up may redirect the output."""
        self._ipcm_adopt(self._ipcm_run())

    def handle_request(self, request: Request, message: Message) -> Any:
        """See `Service`; a source without endpoints and handler says so."""
        if self._ipcm_on_request is None and not self._ipcm_endpoints and not self.on_all:
            raise BadRequest(f"{self.name} answers no requests: it has no endpoint")
        return super().handle_request(request, message)

    def _ipcm_run(self) -> dict[str, Any]:
        """Runs the source; returns what its top level has bound."""
        source, filename = self._ipcm_source, self._ipcm_filename
        lines = source.splitlines(keepends=True)
        linecache.cache[filename] = (len(source), None, lines, filename)
        # A module of its own: dataclasses and type hints look their names up by module.
        module = types.ModuleType(f"source_{re.sub(r'[^0-9a-zA-Z]', '_', self.name)}")
        sys.modules[module.__name__] = module
        module.__dict__.update(self._ipcm_given)
        module.__dict__.setdefault("ipcm", sys.modules["ipcm"])
        module.__dict__.setdefault("endpoint", endpoint)
        module.__dict__.update(__name__=module.__name__, __file__=filename)
        exec(compile(source, filename, "exec"), module.__dict__)
        bound = read_names(source, filename).bound
        # What observers are told of its class and docstring is the source's.
        about = {"__doc__": module.__doc__, "__module__": module.__name__}
        self.__class__ = type(self.name, (type(self),), about)
        return {name: value for name, value in module.__dict__.items() if name in bound}

    def _ipcm_adopt(self, bound: Mapping[str, Any]) -> None:
        """Makes the functions of the source the service's."""
        check_hooks([name for name, value in bound.items() if inspect.isfunction(value)])
        for name, value in bound.items():
            if is_endpoint(value):
                takes_service = _first_parameter(value) in _SERVICE
                self._ipcm_endpoints[name] = (
                    types.MethodType(value, self) if takes_service else value
                )
            elif name in HOOKS and callable(value):
                getattr(self, name).append(_with_service(name, value, len(TAKES.get(name, ()))))
            elif name == "handle_request" and callable(value):
                self._ipcm_on_request = _with_service(name, value, len(TAKES[name]))
            elif name == "handle_response" and callable(value):
                self._ipcm_on_response = _with_service(name, value, len(TAKES[name]))
            elif (signal := _signal_of(name)) is not None and callable(value):
                callbacks = self.on_sig.setdefault(signal, [])
                callbacks.append(_with_service(name, value, 1))
            elif name == "on_sig" and isinstance(value, Mapping):
                for sig, callback in value.items():
                    callbacks = self.on_sig.setdefault(parse_signal(sig), [])
                    callbacks.append(_with_service(name, callback, 1))
        self.signals_to_grab = (*self.signals_to_grab, *self.on_sig)
        self.endpoints()  # those that cannot be read are no matter for their first asker
        answers = self._ipcm_endpoints or self._ipcm_on_request is not None
        if not (answers or self.on_sig or any(getattr(self, hook) for hook in HOOKS)):
            raise UsageError(
                f"nothing in the source of {self.name!r} is a service: it needs an @endpoint, "
                "handle_request or an on_... function"
            )


def check_hooks(names: Iterable[str]) -> None:
    """Makes sure that what looks like a callback is one.

    Raises:
        UsageError: with the nearest that there is.
    """
    for name in names:
        if name.startswith("on_") and name not in HOOKS and _signal_of(name) is None:
            near = difflib.get_close_matches(name, HOOKS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(HOOKS)}"
            raise UsageError(f"{name} is no callback of a service: {hint}")


def _signal_of(name: str) -> Signals | None:
    found = _SIGNAL.fullmatch(name)
    if found is None:
        return None
    try:
        return parse_signal(found[1].upper())
    except (ValueError, UsageError):
        return None


def _first_parameter(function: Callable[..., Any]) -> str:
    return next(iter(inspect.signature(function).parameters), "")


def _with_service(name: str, function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The function as `Service` calls it: the service first, then `count` arguments.

    Raises:
        UsageError: it can be called neither with nor without the service.
    """
    if name != "handle_request":
        check_runs(name, function)
    signature = inspect.signature(function)
    for take in range(count, -1, -1):
        for with_service in (True, False):
            if with_service is False and _first_parameter(function) in _SERVICE:
                continue
            try:
                signature.bind(*[None] * (take + with_service))
            except TypeError:
                continue
            return _adapted(function, with_service, take)
    raise UsageError(f"{name}{signature} cannot be called with the service and {count} more")


def _adapted(function: Callable[..., Any], with_service: bool, take: int) -> Callable[..., Any]:
    def call(service: Any, *args: Any) -> Any:
        return function(*((service,) if with_service else ()), *args[:take])

    call.__name__ = function.__name__
    return call
