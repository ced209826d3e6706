"""What a service may override: the seed's hooks and defaults."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Iterable
from signal import Signals
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, cast

from ipcm._core.activity import Activity
from ipcm._os.signal_names import parse_signals
from ipcm.errors import UsageError
from ipcm.message import Message

if TYPE_CHECKING:
    from ipcm.role.handle import Handle
    from ipcm.role.peer import Peer

__all__ = ["Hooks", "UnhandledActivity", "check_hooks_run", "check_runs"]


class _Late:
    """A class attribute that is imported when it is first looked at; it may be overridden."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def __get__(self, _instance: object, _owner: type) -> Any:
        return getattr(importlib.import_module(self._module), self._name)


class UnhandledActivity(RuntimeError):
    """Something was in an activity that nobody took care of."""


class Hooks:
    """Defaults and no-op hooks. Attributes may be overridden on the class, on the instance, or
    by a property.

    Attributes:
        cycle: seconds between timed turns. interval: seconds between interval callbacks.
            Timed turns come only where `run_on_all`, `run_on_interval` or `run_should_end` is
            overridden; any other service sleeps until something happens.
        use_posix_exit: the process skips its own atexit callbacks too.
        intercept_errors: an exception of a callback is told to `debug`, and the loop goes on.
        expose_error_details: an asker gets the text of the exception that its request raised.
        signals_to_grab: names with or without SIG, numbers, or members of `signal.Signals`.
        reap_all: every child is waited for, also those of subprocess and the like.
        output_cap: bytes that its output file on the bus may have; then it is cut to the last half.
        worker_grace: seconds from the TERM to the KILL of workers, when the service ends.
        peer_class, handle_class: what `peer` and `handle` make.
    """

    cycle: float = 0.2
    interval: float = 0.2
    use_posix_exit: bool = False
    intercept_errors: bool = False
    expose_error_details: bool = False
    signals_to_grab: Iterable[str | int | Signals] = ()
    reap_all: bool = False
    worker_grace: float = 15.0
    output_cap: int = 8 << 20
    peer_class: type[Peer] = cast("Any", _Late("ipcm.role.peer", "Peer"))
    handle_class: type[Handle] = cast("Any", _Late("ipcm.role.handle", "Handle"))

    def redirect(self) -> None:
        """Called in the service's process during startup: redirect its input and output here."""

    def pre_fork_hook(self) -> None:
        """Called before a fork: in the starting process before that of the service, and in the
        service before that of each worker.
        """

    def post_fork_hook(self) -> None:
        """Called in the child, before the service takes over.

        It may fork again, have the middle process exit, and let the grandchild return: that is
        the service then (a daemon).
        """

    def run_on_all(self, activity: Activity) -> None:
        """Called first in every turn of the loop."""

    def run_on_start(self) -> None:
        """Called once before the loop; the service is on the bus already, and ready after it."""

    def run_on_cleanup(self) -> None:
        """Called once when the service ends."""

    def run_on_general_message(self, message: Message) -> None:
        """Called with each message that is neither request nor response."""

    def run_on_interval(self) -> None:
        """Called every `interval` seconds."""

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        """Called when peers came (+1) or left (-1), by name."""

    def run_on_pid(self, pid: int, exit: int) -> None:
        """Called for each reaped child that was no worker; `exit` is a code, or -signal."""

    def run_on_sig(self, sig: Signals) -> None:
        """Called once for each delivery of a grabbed signal."""

    def _ipcm_grabbed(self) -> tuple[Signals, ...]:
        return parse_signals(self.signals_to_grab)

    def run_should_end(self) -> Any:
        """Asked at the end of every turn; a true answer ends the service."""
        return False

    def run_on_unhandled(self, activity: Activity) -> None:
        """Called where something in a turn was not taken care of; raises by default."""
        raise UnhandledActivity(f"nobody took care of: {', '.join(activity.unhandled())}")

    def redact(self, content: Any) -> Any:
        """What observers may see of a message's content, in previews; all of it by default."""
        return content

    def wants_cycle(self) -> bool:
        """Whether turns come at `cycle` also when nothing happens."""
        return self._ipcm_has("run_should_end") or self._ipcm_has("run_on_all")

    def wants_interval(self) -> bool:
        """Whether turns come at `interval` also when nothing happens."""
        return self._ipcm_has("run_on_interval") or self._ipcm_has("run_on_all")

    def _ipcm_has(self, hook: str, plain: type | None = None) -> bool:
        """Whether a hook does more than in the plain class."""
        own = getattr(self, hook)
        return getattr(own, "__func__", own) is not getattr(plain or Hooks, hook)


_SYNC: Final = (
    "redirect", "pre_fork_hook", "post_fork_hook", "run_should_end", "redact", "handle_response"
)  # fmt: skip


def check_runs(name: str, callback: Any) -> None:
    """Raises UsageError where calling a hook would run nothing of it."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    # Not by what `inspect` says of it, which takes a tenth of a service's start. Where an object
    # has no code, its class has it.
    code = getattr(callback, "__code__", None) or getattr(type(callback).__call__, "__code__", None)
    flags = code.co_flags if isinstance(code, CodeType) else 0
    if flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise UsageError(f"{name} cannot be async: handle_request and endpoints can")
    if flags & inspect.CO_GENERATOR:
        raise UsageError(f"{name} cannot be a generator: nobody would run it")


def check_hooks_run(kind: type) -> None:
    """Checks all hooks of a class; see `check_runs`.

    Raises:
        TypeError: as what else a class lacks.
    """
    hooks = [name for name in vars(Hooks) if name.startswith("run_on_")]
    try:
        for name in (*hooks, *_SYNC):
            if callable(hook := getattr(kind, name)):
                check_runs(name, hook)
    except UsageError as error:
        raise TypeError(f"{kind.__name__}: {error}") from None
