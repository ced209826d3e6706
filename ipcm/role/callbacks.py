"""The ready-made consumer of the role (seed's SYNOPSIS; IPC::Manager::Service)."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from signal import Signals
from typing import Any, Final

from ipcm._core.activity import Activity
from ipcm._os.signal_names import parse_signal, parse_signals
from ipcm.errors import UsageError
from ipcm.message import DEFERRED, Message, Request, Response
from ipcm.role.endpoints import name_callables
from ipcm.role.hooks import check_runs
from ipcm.role.role import ServiceRole

__all__ = ["HOOKS", "TAKES", "Service"]

HOOKS: Final = (
    "on_all",
    "on_cleanup",
    "on_general_message",
    "on_interval",
    "on_peer_delta",
    "on_pid",
    "on_start",
    "on_unhandled",
    "should_end",
)
"""The callbacks that are lists."""

TAKES: Final[dict[str, tuple[str, ...]]] = {
    "on_all": ("activity",),
    "on_general_message": ("message",),
    "on_peer_delta": ("delta",),
    "on_pid": ("pid", "exit"),
    "on_sig": ("sig",),
    "on_unhandled": ("activity",),
    "handle_request": ("request", "message"),
    "handle_response": ("response", "message"),
}
"""What a callback is called with, after the service; the others get nothing else."""


class Service(ServiceRole):
    """A service made of callbacks, of methods of a subclass, or of endpoints.

    Every callback gets the service first, so a method of a subclass with a callback's name is
    one, too. Required: `on_all`, `handle_request` or an endpoint.

    Args:
        name, ipcm_info, orig_io, pid, watch_pids: the role's values.
        on_start, on_interval, on_cleanup, should_end: `(service)`; on_all, on_unhandled:
            `(service, activity)`; on_general_message: `(service, message)`; on_peer_delta:
            `(service, delta)`; on_pid: `(service, pid, exit)`: each a callable or a list of them,
            and a list afterwards. Those of a class come first.
        on_sig: signal to `(service, sig)`, or a list of such; its keys are grabbed.
        handle_request: `(service, request, message)`; its return value is the response.
        handle_response: `(service, response, message)`.
        endpoints: a list of callables, or name to callable: endpoints beside those that are
            methods; called with the service and the arguments.
        post_fork: `(service)`, see `post_fork_hook`.
        attributes: any other attribute of the role (cycle, interval, intercept_errors, ...).

    Raises:
        UsageError: an unknown parameter, or something that cannot be called.
        TypeError: nothing would answer a request.
    """

    # Lists of callables, and a mapping of signals to such; in a class a method or a table of its
    # own, which no narrower type would let a checker accept.
    on_all: Any
    on_cleanup: Any
    on_general_message: Any
    on_interval: Any
    on_peer_delta: Any
    on_pid: Any
    on_sig: Any
    on_start: Any
    on_unhandled: Any
    should_end: Any

    def __init__(
        self,
        name: str,
        ipcm_info: str,
        *,
        orig_io: Any = None,
        pid: int | None = None,
        watch_pids: Iterable[int] | None = None,
        on_sig: Mapping[Any, Any] | None = None,
        handle_request: Callable[..., Any] | None = None,
        handle_response: Callable[..., Any] | None = None,
        endpoints: Iterable[Callable[..., Any]] | Mapping[str, Callable[..., Any]] = (),
        post_fork: Callable[..., Any] | None = None,
        **attributes: Any,
    ) -> None:
        kind = type(self)
        for hook in HOOKS:
            methods = _callables(hook, getattr(kind, hook, None))
            setattr(self, hook, methods + _callables(hook, attributes.pop(hook, None)))
        super().__init__(
            name=name,
            ipcm_info=ipcm_info,
            orig_io=orig_io,
            pid=os.getpid() if pid is None else pid,
            watch_pids=watch_pids,
            **attributes,
        )
        self._ipcm_on_request = _callable("handle_request", handle_request)
        self._ipcm_on_response = _callable("handle_response", handle_response)
        own = getattr(kind, "post_fork", None)
        self._ipcm_post_fork = _callable("post_fork", own if post_fork is None else post_fork)
        self._ipcm_endpoints: dict[str, Callable[..., Any]] = {
            each: functools.partial(function, self)
            for each, function in name_callables(endpoints).items()
        }
        self.on_sig = _by_signal(getattr(kind, "on_sig", None), on_sig)
        if not isinstance(getattr(kind, "signals_to_grab", None), property):
            self.signals_to_grab = (*parse_signals(self.signals_to_grab), *self.on_sig)
        self._ipcm_check_answers()

    def _ipcm_check_answers(self) -> None:
        kind = type(self)
        if (
            self._ipcm_has("run_on_all")
            or self._ipcm_on_request is not None
            or self.endpoints()
            or kind.handle_request is not Service.handle_request
        ):
            return
        raise TypeError(
            f"{kind.__name__} {self.name!r} would answer nothing: "
            "it needs handle_request, on_all or an endpoint"
        )

    def set_pid(self, pid: int) -> None:
        """Called after the fork."""
        self.pid = pid

    def handle_request(self, request: Request, message: Message) -> Any:
        """Calls the callback; else the endpoint that the request names; else leaves it open."""
        if self._ipcm_on_request is not None:
            return self._ipcm_on_request(self, request, message)
        if self.endpoints():
            return self.endpoints().call(request.payload, request)
        return DEFERRED

    def _ipcm_hears_responses(self) -> bool:
        own = type(self).handle_response is not Service.handle_response
        return own or self._ipcm_on_response is not None

    def handle_response(self, response: Response, message: Message | None) -> None:
        """Calls the callback; without one the response waits for `get_response`."""
        if self._ipcm_on_response is None:
            super().handle_response(response, message)
        else:
            self._ipcm_on_response(self, response, message)

    def post_fork_hook(self) -> None:
        """Calls `post_fork`."""
        if self._ipcm_post_fork is not None:
            self._ipcm_post_fork(self)

    def _ipcm_has(self, hook: str, plain: type | None = None) -> bool:
        return super()._ipcm_has(hook, plain or Service) or bool(
            getattr(self, hook.removeprefix("run_"))
        )

    # The lists

    def run_on_all(self, activity: Activity) -> None:
        """Calls `on_all`."""
        for callback in self.on_all:
            callback(self, activity)

    def run_on_start(self) -> None:
        """Calls `on_start`."""
        for callback in self.on_start:
            callback(self)

    def run_on_cleanup(self) -> None:
        """Calls `on_cleanup`."""
        for callback in self.on_cleanup:
            callback(self)

    def run_on_general_message(self, message: Message) -> None:
        """Calls `on_general_message`."""
        for callback in self.on_general_message:
            callback(self, message)

    def run_on_interval(self) -> None:
        """Calls `on_interval`."""
        for callback in self.on_interval:
            callback(self)

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        """Calls `on_peer_delta`."""
        for callback in self.on_peer_delta:
            callback(self, delta)

    def run_on_pid(self, pid: int, exit: int) -> None:
        """Calls `on_pid`."""
        for callback in self.on_pid:
            callback(self, pid, exit)

    def _ipcm_grabbed(self) -> tuple[Signals, ...]:
        return (*super()._ipcm_grabbed(), *self.on_sig)

    def run_on_sig(self, sig: Signals) -> None:
        """Calls the callbacks of the signal."""
        for callback in self.on_sig.get(sig, ()):
            callback(self, sig)

    def run_should_end(self) -> bool:
        """Whether one of `should_end` says so; all are asked."""
        if not self.should_end:
            return False
        # A list: also those behind the first that says so are asked.
        return any([callback(self) for callback in self.should_end])  # noqa: C419

    def run_on_unhandled(self, activity: Activity) -> None:
        """Calls `on_unhandled`; without one it raises."""
        if not self.on_unhandled:
            super().run_on_unhandled(activity)
        for callback in self.on_unhandled:
            callback(self, activity)


def _callable(name: str, value: Any) -> Callable[..., Any] | None:
    if value is not None and not callable(value):
        raise UsageError(f"{name} has to be callable, and is {value!r:.100}")
    if value is not None and name != "handle_request":
        check_runs(name, value)
    return value  # type: ignore[no-any-return]  # None, or checked above


def _callables(name: str, value: Any) -> list[Callable[..., Any]]:
    if value is None:
        return []
    found = list(value) if isinstance(value, list | tuple) else [value]
    for each in found:
        if not callable(each):
            raise UsageError(f"{name} has to be callable, or a list of such; got {each!r:.100}")
        check_runs(name, each)
    return found


def _by_signal(*mappings: Any) -> dict[Signals, list[Callable[..., Any]]]:
    """Callbacks by signal, however that is named: those of the class, then those of one service."""
    found: dict[Signals, list[Callable[..., Any]]] = {}
    for given in mappings:
        if given is None:
            continue
        if not isinstance(given, Mapping):
            raise UsageError(
                f"on_sig has to be a mapping of signals to callables, and is {given!r:.100}; "
                "a method for all that are in signals_to_grab is run_on_sig"
            )
        for name, callbacks in given.items():
            sig = parse_signal(name)
            found.setdefault(sig, []).extend(_callables(f"on_sig[{name!r}]", callbacks))
    return found
