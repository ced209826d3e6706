"""The role: what makes an object a service (seed: IPC::Manager::Role::Service)."""

from __future__ import annotations

import abc
import contextlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ipcm._core.activity import Activity
from ipcm._core.observation import (
    CallbackError,
    ErrorEvent,
    PeerEvent,
    SignalEvent,
    TerminatedEvent,
    TurnEvent,
)
from ipcm._core.outcome import Outcome
from ipcm._core.requests import Ending
from ipcm._os.children import Children
from ipcm._os.lifeline import Lifeline
from ipcm._os.orderly import OrderlyEnd
from ipcm._os.process import identify, open_pidfd
from ipcm._os.signals import SignalCounter, parse_signals
from ipcm.bus import open_client
from ipcm.client import Client
from ipcm.errors import UsageError, WrongProcess
from ipcm.message import Kind, Message, Request
from ipcm.role.children import ChildrenRole
from ipcm.role.context import enter_service, leave_service
from ipcm.role.control import Control
from ipcm.role.endpoints import Endpoints
from ipcm.role.hooks import Hooks
from ipcm.role.requests import RequestsRole
from ipcm.role.select import Selectable, SelectRole
from ipcm.role.state import ServiceState
from ipcm.role.text import format_error, format_traceback

if TYPE_CHECKING:
    from ipcm.role.handle import Handle
    from ipcm.role.peer import Peer

__all__ = ["ServiceRole"]

_VALUES = ("orig_io", "name", "ipcm_info", "pid", "watch_pids")
_FLUSH = 5.0
_LOOK_AROUND = 0.01
_SLOW = 0.0005


class _RoleMeta(abc.ABCMeta):
    """Names everything that a consumer lacks, methods and values, in one TypeError."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        lacking = sorted(getattr(cls, "__abstractmethods__", ()))
        maker = cls
        if lacking:
            # Values may be set in __init__, which an abstract class never reaches.
            stand_ins: dict[str, Any] = dict.fromkeys(lacking)
            maker = _RoleMeta(cls.__name__, (cls,), stand_ins)
        instance = super(_RoleMeta, maker).__call__(*args, **kwargs)
        have = vars(instance)
        lacking += [name for name in _VALUES if name not in have and not hasattr(cls, name)]
        if lacking:
            raise TypeError(
                f"{cls.__name__} is no service yet; it lacks: {', '.join(sorted(lacking))}"
            )
        return instance


class ServiceRole(Hooks, ChildrenRole, SelectRole, RequestsRole, metaclass=_RoleMeta):
    """A service: an event loop that handles messages, signals, peers and children.

    A consumer has the values `orig_io`, `name`, `ipcm_info`, `pid` and `watch_pids` (as
    attributes, class attributes or properties) and the methods `set_pid` and `handle_request`.
    Constructing one does no I/O. `ipcm.Service` is a ready-made consumer.

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

    @property
    def _state(self) -> ServiceState:
        state: ServiceState | None = self.__dict__.get("_ipcm_state")
        if state is None:
            state = self.__dict__["_ipcm_state"] = ServiceState()
        return state

    @property
    def _control(self) -> Control:
        control: Control | None = self.__dict__.get("_ipcm_control")
        if control is None:
            control = self.__dict__["_ipcm_control"] = Control(self)
        return control

    def clear_service_fields(self) -> None:
        """Forgets all internal state, as if newly constructed."""
        for field in ("_ipcm_state", "_ipcm_control", "_ipcm_poll"):
            self.__dict__.pop(field, None)

    @property
    def terminated(self) -> Any:
        """The termination value; None before there is one."""
        return self._state.terminated

    @property
    def is_terminated(self) -> bool:
        """Whether the service is to end."""
        return self._state.is_terminated

    def terminate(self, value: Any = 0) -> Any:
        """Ends the service after this turn.

        Returns:
            The termination value in force: the first one given.
        """
        state = self._state
        if not state.is_terminated:
            state.is_terminated = True
            state.terminated = 0 if value is None else value
        return state.terminated

    def in_correct_pid(self) -> None:
        """Raises WrongProcess in any process but the service's own."""
        if self.pid != os.getpid():
            raise WrongProcess(f"the service {self.name!r}", self.pid, os.getpid())

    # Connections

    def client(self) -> Client:
        """The service's connection to the bus, made at the first call."""
        state = self._state
        if state.client is None:
            self.in_correct_pid()
            client = open_client(self.name, self.ipcm_info, kind="service", settle=False)
            client.on_control = self._control.on_control
            client.on_ending = self._on_ending  # type: ignore[method-assign]
            client.port.subscribe()
            state.client = client
        return state.client

    def peer(self, name: str, **params: Any) -> Peer:
        """The inside view of another peer, over this service's connection; one per name."""
        self.in_correct_pid()
        peers = self._state.peers
        if name not in peers or params:
            from ipcm.role.peer import Peer

            peers[name] = (self.peer_class or Peer)(name, self, **params)
        return peers[name]

    def handle(self, name: str | None = None, **params: Any) -> Handle:
        """A new handle for this service, with a connection of its own under `name`."""
        from ipcm.role.handle import Handle

        maker = self.handle_class or Handle
        return maker(self.name, self.ipcm_info, name=name, **params)

    def endpoints(self) -> Endpoints:
        """The endpoints of this service."""
        state = self._state
        if state.endpoints is None:
            state.endpoints = Endpoints(self)
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
        """Calls; with `intercept_errors` an exception is told and returned, else raised."""
        try:
            return Outcome(True, None, callback())
        except Exception as error:
            if not self.intercept_errors:
                raise
            self.note_error(getattr(callback, "__name__", "callback"), error)
            return Outcome(False, error)

    def note_error(self, where: str, error: BaseException) -> None:
        """Tells of an exception that does not end the service."""
        text = format_traceback(error)
        self.debug(f"{self.name}: {where}: {format_error(error)}\n{text}")
        noted = CallbackError(time.time(), where, format_error(error), text)
        self._state.telemetry.errors.append(noted)
        self._control.emit(ErrorEvent(self.name, noted.when, where, noted.error, text))

    def _on_ending(self, ending: Ending) -> None:
        self.try_(lambda: ending.callback(ending.response, ending.message))

    # Watching

    def select_handles(self) -> list[Selectable]:
        """The bus, signals and watched processes; override to add descriptors of your own."""
        state = self._state
        handles: list[Selectable] = [self.client()]
        if state.signals is not None:
            handles.append(state.signals)
        handles += state.watched
        return handles

    def peer_delta(self) -> dict[str, int]:
        """Who came (+1) or left (-1) since the last call, at most one change per name."""
        self._take_changes()
        return self._state.deltas.take()

    def watch(self, sig_seen: dict[Any, int] | None = None) -> Activity:
        """Waits for something to happen, no longer than a timed turn allows.

        Args:
            sig_seen: signals seen elsewhere, to be counted in.
        """
        client, state = self.client(), self._state
        self._watch_processes()
        client.pump(0.0, spin=not self._has_work())
        if not self._has_work():
            began = time.monotonic()
            self._look(self._timeout(began))
            client.port.slept(time.monotonic() - began)
            client.pump(0.0)
        if time.monotonic() - state.selected > _LOOK_AROUND:
            self._look(0.0)
        return self._gather(sig_seen or {})

    def _has_work(self) -> bool:
        client, state = self.client(), self._state
        return bool(
            client.inbox
            or client.changes
            or client.port.changes
            or state.deltas.pending
            or state.ended_pids
            or state.watch_ended
            or state.is_terminated
            or (state.signals is not None and state.signals.noticed)
            or min(state.next_cycle, state.next_interval) <= time.monotonic()
        )

    def _look(self, timeout: float | None) -> None:
        state = self._state
        ready = self.select(timeout)
        state.selected = time.monotonic()
        if state.watched and not state.watched.keys().isdisjoint(ready):
            state.watch_ended = True

    def _timeout(self, now: float) -> float | None:
        client, state = self.client(), self._state
        soonest = min(
            state.next_cycle, state.next_interval, client.requests.soonest, client.port.deadline
        )
        return None if soonest == math.inf else max(soonest - now, 0.0)

    def _gather(self, sig_seen: dict[Any, int]) -> Activity:
        client, state = self.client(), self._state
        activity = Activity(messages=client.take_inbox())
        for message in activity.messages:
            if message.kind is Kind.REQUEST:
                self.open_request(message)
        self._gather_signals(activity, sig_seen)
        if state.ended_pids:
            activity.pids, state.ended_pids = state.ended_pids, {}
        activity.pid_watch = state.watch_ended
        was_terminated = state.is_terminated
        self._take_changes()
        activity.peer_delta = state.deltas.take({m.sender for m in activity.messages})
        now = time.monotonic()
        if now >= state.next_interval:
            activity.interval = True
        if state.is_terminated and not was_terminated:
            activity.terminated = state.terminated
        return activity

    def _gather_signals(self, activity: Activity, sig_seen: dict[Any, int]) -> None:
        state = self._state
        counted = dict(sig_seen)
        if state.signals is not None:
            for sig, count in state.signals.drain().items():
                counted[sig] = counted.get(sig, 0) + count
            if state.signals.woken:
                state.signals.woken = False
                state.ended_pids.update(self.reap_children())
        grabbed = parse_signals(self.signals_to_grab)
        for sig, count in counted.items():
            state.telemetry.signal_received(sig.name, count)
            if sig in grabbed:
                activity.sigs[sig] = count
        if OrderlyEnd.SIGNAL in counted:
            activity.terminated = self.terminate(0)

    def _take_changes(self) -> None:
        client, state = self.client(), self._state
        if client.port.changes:
            client.pump(0.0)
        changes, client.changes = client.changes, []
        for change in changes:
            peer = change.peer
            if change.what in ("terminate", "ended"):
                self.terminate(0)
            elif change.what == "left" and peer is not None:
                self.forget_asker(peer.name)
                self._control.forget(peer.name)
                state.peers.pop(peer.name, None)
            if peer is not None and peer.kind != "observer" and peer.name != self.name:
                if change.what == "joined":
                    state.deltas.add(peer.name, 1)
                elif change.what == "left":
                    state.deltas.add(peer.name, -1)

    def _watch_processes(self) -> None:
        state = self._state
        wanted = set(self.watch_pids or ())
        if wanted == {who.pid for who in state.watched.values()}:
            return
        for fd, who in list(state.watched.items()):
            if who.pid not in wanted:
                del state.watched[fd]
                os.close(fd)
        for pid in wanted - {who.pid for who in state.watched.values()}:
            try:
                who = state.identities.get(pid) or identify(pid)
                state.watched[open_pidfd(who)] = who
            except ProcessLookupError:
                state.watch_ended = True

    # Running

    def run(self) -> Any:
        """Runs the loop until the service is terminated.

        Returns:
            The termination value.
        """
        self.in_correct_pid()
        state = self._state
        before = enter_service(self)
        try:
            with contextlib.ExitStack() as stack:
                self._begin(stack)
                try:
                    self._start()
                    self._loop()
                finally:
                    self._end()
        finally:
            leave_service(before)
        return state.terminated

    def _begin(self, stack: contextlib.ExitStack) -> None:
        state = self._state
        state.started, state.started_at = time.monotonic(), time.time()
        grabbed = {*parse_signals(self.signals_to_grab), OrderlyEnd.SIGNAL}
        state.signals = SignalCounter(grabbed)
        state.signals.start()
        stack.callback(state.signals.stop)
        stack.enter_context(OrderlyEnd(state.signals.notice))
        state.children = Children()
        state.children.start_tracking()
        stack.callback(state.children.stop_tracking)
        state.lifeline = Lifeline()
        stack.callback(state.lifeline.close)
        stack.callback(self._close_watches)
        self.client()

    def _close_watches(self) -> None:
        for fd in self._state.watched:
            os.close(fd)
        self._state.watched.clear()

    def _start(self) -> None:
        started = self.try_(self.run_on_start)
        if started.err is not None:
            raise UsageError(f"the start callback of {self.name!r} failed") from started.err
        state = self._state
        state.phase = "running"
        self.client().port.ready()
        if state.on_ready is not None:
            state.on_ready()

    def _loop(self) -> None:
        state = self._state
        while not state.is_terminated:
            self._set_timers(time.monotonic())
            watched = self.try_(self.watch)
            if watched.ok and watched.out is not None:
                self._turn(watched.out)

    def _set_timers(self, now: float) -> None:
        state = self._state
        if not self.wants_cycle():
            state.next_cycle = math.inf
        elif state.next_cycle <= now or state.next_cycle == math.inf:
            state.next_cycle = now + self.cycle
        if not (self.wants_interval() or self.wants_cycle()):
            state.next_interval = math.inf
        elif state.next_interval == math.inf:
            state.next_interval = now + self.interval

    def _turn(self, activity: Activity) -> None:
        state, client = self._state, self.client()
        began = time.monotonic()
        # The turn's messages leave in one write, unless the handlers are so slow that the
        # first answer would wait for the last.
        corked = len(activity.messages) > 1 and not state.slow
        if corked:
            client.cork()
        try:
            self._dispatch(activity)
        finally:
            if corked:
                client.uncork()
        took = time.monotonic() - began
        state.slow = took > _SLOW * max(len(activity.messages), 1)
        state.telemetry.loop_lag = took
        state.telemetry.turns += 1
        if state.subscriptions:
            self._tell_observers(activity)

    def _dispatch(self, activity: Activity) -> None:
        state = self._state
        self.try_(lambda: self.run_on_all(activity))
        for sig, count in activity.sigs.items():
            for _ in range(count):
                self.try_(lambda sig=sig: self.run_on_sig(sig))  # type: ignore[misc]
                state.telemetry.signal_handled(sig.name)
        for pid, exit in activity.pids.items():
            self.try_(lambda pid=pid, exit=exit: self.run_on_pid(pid, exit))  # type: ignore[misc]
        if activity.pid_watch:
            self.terminate(0)
        if activity.interval:
            self.try_(self.run_on_interval)
            self._next_interval(time.monotonic())
        if activity.peer_delta:
            self.try_(lambda: self.run_on_peer_delta(activity.peer_delta))
        for message in activity.messages:
            self.try_(lambda message=message: self.run_on_message(message))  # type: ignore[misc]
        now = time.monotonic()
        if now >= state.next_expiry:
            self.forget_requests(now)
        activity.mark_handled(
            "sigs", "pids", "pid_watch", "interval", "peer_delta", "messages", "terminated"
        )
        if activity.unhandled():
            self.try_(lambda: self.run_on_unhandled(activity))
        if self.try_(self.run_should_end).out:
            self.terminate(0)

    def _next_interval(self, now: float) -> None:
        """The next one on the same grid; those that were slept or worked through are skipped."""
        state, interval = self._state, max(self.interval, 1e-3)
        missed = max(math.floor((now - state.next_interval) / interval), 0)
        state.next_interval += (missed + 1) * interval

    def run_on_message(self, message: Message) -> None:
        """Sorts one message to where it belongs."""
        match message.kind:
            case Kind.REQUEST:
                self.run_on_request_message(message)
            case Kind.RESPONSE:
                self.run_on_response_message(message)
            case Kind.TERMINATE:
                self.terminate(message.content)
            case _:
                self.run_on_general_message(message)

    def _tell_observers(self, activity: Activity) -> None:
        control, now = self._control, time.time()
        control.emit(TurnEvent(self.name, now, 1, len(activity.messages), int(activity.interval)))
        for sig, count in activity.sigs.items():
            control.emit(SignalEvent(self.name, now, sig.name, count))
        for peer, change in activity.peer_delta.items():
            control.emit(PeerEvent(self.name, now, peer, change))
        control.flush()

    def _end(self) -> None:
        """The way out: cleanup, last signals, outbox, workers, connection."""
        state = self._state
        state.phase = "ending"
        self.terminate(0)
        client = self.client()
        try:
            self.try_(self.run_on_cleanup)
            last = Activity()
            self._gather_signals(last, {})
            for sig, count in last.sigs.items():
                for _ in range(count):
                    self.try_(lambda sig=sig: self.run_on_sig(sig))  # type: ignore[misc]
                    state.telemetry.signal_handled(sig.name)
        finally:
            self._control.emit(TerminatedEvent(self.name, time.time(), state.terminated))
            self._control.flush()
            client.flush(_FLUSH)
            self.terminate_workers()
            client.disconnect()
