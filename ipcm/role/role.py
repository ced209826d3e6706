"""The role: what makes an object a service (seed: IPC::Manager::Role::Service)."""

from __future__ import annotations

import abc
import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Self

from ipcm._core.activity import Activity
from ipcm._core.observation import CallbackError, ErrorEvent
from ipcm._core.outcome import Outcome
from ipcm._core.preview import ERROR_CHARACTERS, cut_text
from ipcm._core.requests import Ending
from ipcm._os import here
from ipcm.bus import open_client
from ipcm.client import Client
from ipcm.errors import ExtraResponse, UsageError, WrongProcess
from ipcm.message import Kind, Message, Request
from ipcm.role.children import ChildrenRole
from ipcm.role.control import Control
from ipcm.role.endpoints import Endpoints, marked_methods
from ipcm.role.hooks import Hooks, check_hooks_run
from ipcm.role.loop import Loop
from ipcm.role.requests import RequestsRole
from ipcm.role.select import Selectable, SelectRole
from ipcm.role.state import ServiceState
from ipcm.role.text import callback_name, format_error, format_traceback
from ipcm.role.watching import due, take_changes, watch

if TYPE_CHECKING:
    from ipcm.role.handle import Handle
    from ipcm.role.peer import Peer

__all__ = ["ServiceRole"]

_REQUEST: Final = Kind.REQUEST
_TRACEBACK: Final = 8192
_VALUES: Final = ("orig_io", "name", "ipcm_info", "pid", "watch_pids")


class _RoleMeta(abc.ABCMeta):
    """Names everything that a consumer lacks, methods and values, in one TypeError."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        check_hooks_run(cls)
        if taken := [name for name in marked_methods(cls) if name in _own_names()]:
            raise UsageError(
                f"{cls.__name__}: endpoint {', '.join(taken)} would stand in the place of what "
                "every service has under that name; call it otherwise"
            )
        lacking = sorted(getattr(cls, "__abstractmethods__", ()))
        if not lacking:
            instance = super().__call__(*args, **kwargs)
            lacking = cls._values_lacking(instance)
        else:
            lacking += cls._try_values_lacking(lacking, args, kwargs)
        if lacking:
            raise TypeError(
                f"{cls.__name__} is no service yet; it lacks: {', '.join(sorted(lacking))}"
            )
        return instance

    def _values_lacking(cls, instance: Any) -> list[str]:
        # Never `vars` here, nor elsewhere in a role: CPython 3.11 finds the attributes of an
        # instance slowly once somebody has looked at its dictionary.
        return [name for name in _VALUES if not (hasattr(cls, name) or hasattr(instance, name))]

    def _try_values_lacking(cls, methods: list[str], args: Any, kwargs: Any) -> list[str]:
        """The values, too, of a class that lacks methods: __init__ may set some."""
        stand_ins: dict[str, Any] = dict.fromkeys(methods)
        try:
            instance = abc.ABCMeta.__call__(
                _RoleMeta(cls.__name__, (cls,), stand_ins), *args, **kwargs
            )
        except Exception:  # noqa: BLE001 (that it lacks methods is what is wrong first)
            return []
        return cls._values_lacking(instance)


@functools.cache
def _own_names() -> frozenset[str]:
    """What the role itself is made of; hooks are there to be overridden."""
    hooks = {name for name, value in vars(Hooks).items() if callable(value)}
    own = {name for name in dir(ServiceRole) if not name.startswith("_")}
    return frozenset({*_VALUES, *own} - hooks - {"handle_request", "handle_response"})


class ServiceRole(Hooks, ChildrenRole, SelectRole, RequestsRole, metaclass=_RoleMeta):
    """A service: an event loop that handles messages, signals, peers and children.

    A consumer has the values `orig_io`, `name`, `ipcm_info`, `pid` and `watch_pids` (as
    attributes, class attributes or properties) and the methods `set_pid` and `handle_request`.
    Constructing one does no I/O. `ipcm.Service` is a ready-made consumer.

    Args:
        params: any of these values, and any attribute of `Hooks`. A property that cannot be set
            stands in for the value of its name.

    Attributes:
        orig_io: None, or a mapping with the files stdin, stdout, stderr as they were before
            `redirect`.
        name: the service's name, and its peer name.
        ipcm_info: info string of its bus.
        pid: the process it is confined to.
        watch_pids: pids; the service ends when one of them does.
    """

    orig_io: Any
    name: str
    ipcm_info: str
    pid: int
    watch_pids: Iterable[int] | None
    _ipcm_endpoints: dict[str, Callable[..., Any]] = {}

    _ipcm_state: ServiceState
    _ipcm_control: Control

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Makes the internal fields, whatever a consumer's `__init__` does or leaves out."""
        # Not on demand: a turn reads them a dozen times, and a property takes as long as a read.
        self = super().__new__(cls)
        ServiceRole.clear_service_fields(self)
        return self

    def __init__(self, **params: Any) -> None:
        for name, value in params.items():
            if name not in _VALUES and name not in Hooks.__annotations__:
                raise UsageError(f"{type(self).__name__} has no parameter {name!r}")
            own = getattr(type(self), name, None)
            if not (isinstance(own, property) and own.fset is None):
                setattr(self, name, value)
        super().__init__()

    @abc.abstractmethod
    def set_pid(self, pid: int) -> None:
        """Called after the fork with the pid of the service's process."""

    @abc.abstractmethod
    def handle_request(self, request: Request, message: Message) -> Any:
        """Called with each request.

        Returns:
            The response, None included; or DEFERRED: `send_response` follows.
        """

    # Fields

    def clear_service_fields(self) -> None:
        """Forgets all internal state, as if newly constructed."""
        self._ipcm_state = ServiceState()
        self._ipcm_control = Control(self)
        self._ipcm_poll = None

    @property
    def terminated(self) -> Any:
        """The termination value; None before there is one."""
        return self._ipcm_state.terminated

    @property
    def is_terminated(self) -> bool:
        """Whether the service is to end."""
        return self._ipcm_state.is_terminated

    def terminate(self, value: Any = 0) -> Any:
        """Ends the service after this turn, also from another thread while it sleeps.

        Returns:
            The termination value in force: the first one given.
        """
        state = self._ipcm_state
        if not state.is_terminated:
            state.terminated = 0 if value is None else value
            state.is_terminated = True
            # A child of it shares the descriptor, and is not to wake it.
            if state.waker is not None and state.process == here.pid:
                state.waker.set()
        return state.terminated

    def in_correct_pid(self) -> None:
        """Raises WrongProcess in any process but the service's own."""
        if self.pid != os.getpid():
            raise WrongProcess(f"the service {self.name!r}", self.pid, os.getpid())

    # Connections

    def client(self) -> Client:
        """The service's connection to the bus, made at the first call."""
        state = self._ipcm_state
        if state.client is None:
            self.in_correct_pid()
            client = open_client(self.name, self.ipcm_info, kind="service", settle=False)
            client.on_control = self._ipcm_control.on_control
            client.on_ending = self._ipcm_on_ending  # type: ignore[method-assign]
            with contextlib.ExitStack() as undo:
                undo.callback(client.disconnect, flush=0.0)
                there = client.port.subscribe()
                undo.pop_all()
            state.client = client
            state.clock = client.clock
            self._ipcm_control.tell_observers(there)
        return state.client

    def peer(self, name: str, **params: Any) -> Peer:
        """The inside view of another peer, over this service's connection; one per name."""
        self.in_correct_pid()
        peers = self._ipcm_state.peers
        if name not in peers or params:
            peers[name] = self.peer_class(name, self, **params)
        return peers[name]

    def handle(self, name: str | None = None, **params: Any) -> Handle:
        """A new handle for this service, with a connection of its own under `name`."""
        return self.handle_class(self.name, self.ipcm_info, name=name, **params)

    def endpoints(self) -> Endpoints:
        """The endpoints of this service."""
        state = self._ipcm_state
        if state.endpoints is None:
            state.endpoints = Endpoints(self, self._ipcm_endpoints)
        return state.endpoints

    # Errors

    def debug(self, *parts: object) -> None:
        """Writes a line to the original stderr, or stdout, or to what stderr is now."""
        files = self.orig_io or {}
        file = files.get("stderr") or files.get("stdout") or sys.stderr
        text = " ".join(map(str, parts)).rstrip("\n")
        with contextlib.suppress(OSError, ValueError):  # closed: there is nowhere to tell it
            file.write(text + "\n")
            file.flush()

    def try_(self, callback: Callable[[], Any]) -> Outcome:
        """Calls; with `intercept_errors` an exception is told and returned, else raised.

        A second answer to a request is only told: it never ends the service.
        """
        try:
            return Outcome(True, None, callback())
        except Exception as error:
            if not self._ipcm_intercepts(error):
                raise
            self.note_error(callback_name(callback), error)
            return Outcome(False, error)

    def _ipcm_intercepts(self, error: Exception) -> bool:
        if self._ipcm_state.process not in (0, here.pid):
            return False  # a child that came back from a callback does not go on as the service
        return self.intercept_errors or isinstance(error, ExtraResponse)

    def note_error(self, where: str, error: BaseException) -> None:
        """Tells of an exception that does not end the service."""
        if isinstance(error, ExtraResponse):
            self._ipcm_state.telemetry.drops += 1
        self.debug(f"{self.name}: {where}: {format_error(error)}\n{format_traceback(error)}")
        self._ipcm_tell_error(where, error)

    def _ipcm_tell_error(self, where: str, error: BaseException) -> CallbackError:
        """Tells those who look: in snapshots, and as an event."""
        noted = CallbackError(
            self._ipcm_state.clock.time(),
            where,
            cut_text(format_error(error), ERROR_CHARACTERS),
            cut_text(format_traceback(error), _TRACEBACK),
        )
        self._ipcm_state.telemetry.errors.append(noted)
        self._ipcm_control.emit(
            ErrorEvent(self.name, noted.when, where, noted.error, noted.traceback)
        )
        return noted

    def _ipcm_on_ending(self, ending: Ending) -> None:
        # Not here, where a handler may be waiting for something else, but in a turn.
        self._ipcm_state.endings.append(ending)

    # Watching

    def select_handles(self) -> list[Selectable]:
        """The bus, signals and watched processes; override to add descriptors of your own."""
        state = self._ipcm_state
        handles: list[Selectable] = [self.client()]
        if state.signals is not None:
            handles.append(state.signals)
        if state.waker is not None:
            handles.append(state.waker)
        handles += state.watched
        return handles

    def _ipcm_due(self) -> float:
        return due(self)

    def select(self, timeout: float | None) -> list[int]:
        """See `SelectRole.select`; coroutines of handlers run meanwhile."""
        coroutines = self._ipcm_state.coroutines
        if coroutines is None:
            return super().select(timeout)
        return coroutines.select(self._ipcm_descriptors(), timeout)

    def peer_delta(self, *, peek: bool = False) -> dict[str, int]:
        """Who came (+1) or left (-1) since the last call, at most one change per name.

        One that left is told once its last messages have been handled.

        Args:
            peek: the next call, or turn, tells the same once more.
        """
        client = self.client()
        client.pump(0.0)
        take_changes(self)
        speaking = {message.sender for message in client.inbox}
        return self._ipcm_state.deltas.take(speaking, peek=peek)

    def watch(self, sig_seen: dict[Any, int] | None = None) -> Activity:
        """Waits for something to happen, no longer than a timed turn allows.

        Args:
            sig_seen: signals seen elsewhere, to be counted in.
        """
        return watch(self, sig_seen or {})

    # Running

    def run(self) -> Any:
        """Runs the loop until the service is terminated.

        Returns:
            The termination value.
        """
        return Loop(self).run()

    def run_on_message(self, message: Message) -> None:
        """Sorts one message to where it belongs."""
        kind = message.kind  # compared by identity: they are strings, and `match` compares texts
        if kind is _REQUEST:
            self.run_on_request_message(message)
        elif kind is Kind.RESPONSE:
            self.run_on_response_message(message)
        elif kind is Kind.TERMINATE:
            self.terminate(message.content)
        else:
            self.run_on_general_message(message)
