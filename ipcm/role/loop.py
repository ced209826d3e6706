"""The loop: from a service's start through its turns to its end."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ipcm._core.activity import Activity
from ipcm._core.observation import PeerChange, PeerEvent
from ipcm._core.patience import check_seconds
from ipcm._os import here
from ipcm._os.children import Children
from ipcm._os.lifeline import Lifeline
from ipcm._os.orderly import OrderlyEnd
from ipcm._os.signals import SignalCounter
from ipcm._os.waker import Waker
from ipcm.errors import UnsupportedError, UsageError
from ipcm.role.context import enter_service, leave_service
from ipcm.role.text import callback_name
from ipcm.role.watching import (
    gather_signals,
    interval_of,
    is_due,
    set_timers,
    watch_bus,
    watch_processes,
)

if TYPE_CHECKING:
    from ipcm.role.role import ServiceRole

__all__ = ["Loop"]

_FLUSH: Final = 5.0
_NEVER: Final = math.inf
_SLOW: Final = 0.0005
_LOOK_AT_OUTPUT: Final = 0.1
_HANDLED: Final = (
    "sigs", "pids", "pid_watch", "interval", "peer_delta", "messages", "terminated"
)  # fmt: skip


class Loop:
    """Runs one service, in its process; see `ServiceRole.run`.

    It stands apart from the role so that its inner names are nobody's: a consumer may call its
    own methods what it likes.
    """

    def __init__(self, service: ServiceRole) -> None:
        self._service = service
        self._state = service._ipcm_state
        self._flush_by = 0.0
        self._where = "run"  # the callback that fails, for those who look
        self._failure: str | None = None

    def run(self) -> Any:
        """Runs the loop until the service is terminated.

        Returns:
            The termination value.
        """
        service = self._service
        service.in_correct_pid()
        if self._state.phase != "starting":
            raise UsageError(
                f"{service.name!r} has run already: clear_service_fields() lets it run anew"
            )
        before = enter_service(service)
        try:
            with contextlib.ExitStack() as stack:
                self.begin(stack)
                try:
                    self.start()
                    self._turns()
                except BaseException as error:
                    self.end(error)
                    raise
                else:
                    self.end()
        finally:
            leave_service(before)
        service.in_correct_pid()
        return service.terminated

    def begin(self, stack: contextlib.ExitStack, *, staged: bool = False) -> None:
        """Takes up what the loop needs; the stack gives it back.

        Args:
            staged: whoever runs the loop takes care of signals.
        """
        service, state = self._service, self._state
        state.process = here.pid
        in_main = threading.current_thread() is threading.main_thread()
        state.threaded = staged or not in_main
        if not staged:
            if in_main:
                self._own_process(stack)
            else:
                self._refuse_signals()
            state.waker = Waker()
            stack.callback(state.waker.close)
        stack.callback(self._close_watches)
        service.client()
        watch_processes(service)
        state.started, state.started_at = state.clock.monotonic(), state.clock.time()

    def _refuse_signals(self) -> None:
        """Raises UnsupportedError where the service grabs any."""
        if grabbed := self._service._ipcm_grabbed():
            names = dict.fromkeys(sig.name for sig in grabbed)
            raise UnsupportedError(
                f"{self._service.name!r} runs in a thread and grabs "
                f"{', '.join(names)}: only the main thread gets signals"
            )

    def _own_process(self, stack: contextlib.ExitStack) -> None:
        """Signals and children, which nobody else in this process is to take."""
        service, state = self._service, self._state
        grabbed = {*service._ipcm_grabbed(), *state.ends_on}
        state.signals = SignalCounter(grabbed)
        state.signals.start()
        stack.callback(state.signals.stop)
        stack.enter_context(OrderlyEnd(state.signals.notice, state.ends_on))
        state.children = Children()
        state.children.start_tracking()
        for pid in state.workers:  # registered before there was anybody to wait for them
            state.children.adopt(pid)
        stack.callback(state.children.stop_tracking)
        state.lifeline = Lifeline()
        stack.callback(state.lifeline.close)

    def _close_watches(self) -> None:
        for fd in self._state.watched:
            os.close(fd)
        self._state.watched.clear()

    def start(self) -> None:
        """Runs the start callback; the service is ready after it."""
        service, state = self._service, self._state
        self._where = callback_name(service.run_on_start)
        service.run_on_start()  # what it raises is never intercepted
        self._where = "run"
        service.in_correct_pid()  # else a child that came back from it would tell that it is ready
        for name in ("cycle", "interval", "worker_grace"):
            check_seconds(getattr(service, name), name)
        state.phase = "running"
        service.client().port.ready()
        service._ipcm_control.flush()
        if state.on_ready is not None:
            state.on_ready()

    def _turns(self) -> None:
        service, state = self._service, self._state
        set_timers(service)
        while not state.is_terminated:
            if here.pid != state.process:
                # A child that came back from a callback: what comes in is not for it to read.
                service.in_correct_pid()
            try:
                activity = service.watch()  # it sets the timers before it sleeps
            except Exception as error:  # noqa: BLE001 (see _fail)
                self._fail(service.watch, error)
                activity = watch_bus(service)  # else it would fail at once, again and again
            self._turn(activity)

    def step(self, sig_seen: dict[Any, int]) -> bool:
        """Takes one turn, where there is reason for one; never waits.

        Args:
            sig_seen: signals, as they are counted elsewhere.

        Returns:
            Whether there was one.
        """
        if not sig_seen and not is_due(self._service):
            return False
        activity = self._call(self._service.watch, sig_seen)
        if activity is not None:
            self._turn(activity)
        set_timers(self._service)
        return True

    def _turn(self, activity: Activity) -> None:
        service, state = self._service, self._state
        messages, monotonic = activity.messages, state.clock.monotonic
        began, due = monotonic(), state.next_interval
        if len(messages) > 1 and not state.slow:
            # The turn's messages leave in one write, unless the handlers are so slow that the
            # first answer would wait for the last.
            client = service.client()
            client.cork()
            try:
                self._dispatch(activity)
            finally:
                client.uncork()
        else:
            self._dispatch(activity)
        took = monotonic() - began
        if state.next_cycle <= began:
            state.next_cycle = began + took + check_seconds(service.cycle, "cycle")
        state.slow = took > _SLOW * (len(messages) or 1)
        if activity.interval and (late := began - due) > took:
            took = late
        state.telemetry.turned(began, took)
        if activity.peer_delta:
            when = state.clock.time()
            state.telemetry.deltas += [
                PeerChange(p, c, when) for p, c in activity.peer_delta.items()
            ]
        if state.output is not None and began >= state.output_due:
            state.output_due = began + _LOOK_AT_OUTPUT
            state.output.cut(service.output_cap)
        if state.subscriptions:
            self._tell_observers(activity)

    def _dispatch(self, activity: Activity) -> None:
        service, state, call = self._service, self._state, self._call
        process = state.process
        # What every turn, or every message, calls is called here and not by `call`.
        try:
            service.run_on_all(activity)
        except Exception as error:  # noqa: BLE001 (see _fail)
            self._fail(service.run_on_all, error)
        if activity.sigs:
            self._handle_signals(activity)
        for pid, exit in activity.pids.items():
            call(service.run_on_pid, pid, exit)
        if activity.pid_watch:
            service.terminate(0)
        if activity.interval:
            call(service.run_on_interval)
            self._next_interval(state.clock.monotonic())
        if activity.peer_delta:
            call(service.run_on_peer_delta, activity.peer_delta)
        for message in activity.messages:
            if here.pid != process:
                service.in_correct_pid()  # a child that came back from the callback before
            try:
                service.run_on_message(message)
            except Exception as error:  # noqa: BLE001 (see _fail)
                self._fail(service.run_on_message, error)
        if state.endings or state.coroutines is not None:
            self._conclude()
        if state.next_expiry != _NEVER and (now := state.clock.monotonic()) >= state.next_expiry:
            service.forget_requests(now)
        # All parts that an activity has by itself have been handled; one of a subclass's may
        # have more of them.
        if type(activity) is not Activity:
            activity.mark_handled(*_HANDLED)
            if activity.unhandled():
                call(service.run_on_unhandled, activity)
        try:
            if service.run_should_end():
                service.terminate(0)
        except Exception as error:  # noqa: BLE001 (see _fail)
            self._fail(service.run_should_end, error)

    def _call(self, callback: Callable[..., Any], *args: Any) -> Any:
        """As `try_`, but without an Outcome for each of some thousand calls a second."""
        try:
            return callback(*args)
        except Exception as error:  # noqa: BLE001 (see _fail)
            self._fail(callback, error)
            return None

    def _fail(self, callback: Callable[..., Any], error: Exception) -> None:
        """Notes the exception of a callback, or raises it where that ends the service."""
        if not self._service._ipcm_intercepts(error):
            self._where = callback_name(callback)
            raise error
        self._service.note_error(callback_name(callback), error)

    def _conclude(self) -> None:
        """What has ended beside the messages: requests of ours, and handlers of others'."""
        service, state = self._service, self._state
        while state.endings:
            ending = state.endings.popleft()
            self._call(ending.callback, ending.response, ending.message)
        if state.coroutines is not None:
            ended, state.coroutines.ended = state.coroutines.ended, []
            for key, task in ended:
                self._call(service._ipcm_conclude_coroutine, key, task)

    def _next_interval(self, now: float) -> None:
        """The next one on the same grid; those that were slept or worked through are skipped."""
        state, interval = self._state, interval_of(self._service)
        missed = max(math.floor((now - state.next_interval) / interval), 0)
        state.next_interval += (missed + 1) * interval

    def _tell_observers(self, activity: Activity) -> None:
        service, now = self._service, self._state.clock.time()
        control = service._ipcm_control
        # A turn in which nothing happened is one that an observer caused itself.
        if activity:
            control.emit_turn(len(activity.messages), activity.interval)
        for peer, change in activity.peer_delta.items():
            control.emit(PeerEvent(service.name, now, peer, change))
        control.flush()

    def end(self, failure: BaseException | None = None) -> None:
        """The way out, each step of it also where one before it failed.

        Args:
            failure: what ends the service, where it does not end in order.
        """
        service, state = self._service, self._state
        if state.process != here.pid:
            # A child that a callback forked comes by here, too, where it raises or exits: the end
            # of the service, and its cleanup, are not for it.
            return
        state.phase = "ending"
        service.terminate(0)
        with contextlib.ExitStack() as stack:  # last in, first out
            stack.callback(self._leave)
            stack.callback(self._handle_last_signals)  # ending the workers may take a while
            stack.callback(service.terminate_workers)
            stack.callback(self._tell_the_end)
            stack.callback(self._handle_last_signals)
            stack.callback(self._clean_up)
            if state.coroutines is not None:
                stack.callback(self._end_coroutines)
            if failure is not None:
                stack.callback(self._tell_failure, failure)

    def _end_coroutines(self) -> None:
        coroutines, state = self._state.coroutines, self._state
        assert coroutines is not None
        try:
            coroutines.close()
            self._conclude()
        finally:
            state.coroutines = None

    def _clean_up(self) -> None:
        service = self._service
        try:
            service.try_(service.run_on_cleanup)
        except BaseException as error:
            self._where = callback_name(service.run_on_cleanup)
            self._tell_failure(error)
            raise

    def _tell_failure(self, error: BaseException) -> None:
        self._failure = self._service._ipcm_tell_error(self._where, error).error

    def _tell_the_end(self) -> None:
        service, client = self._service, self._service.client()
        self._flush_by = self._state.clock.monotonic() + _FLUSH
        if not client.disconnected:
            service._ipcm_control.emit_end(self._state.terminated, self._failure)
            service._ipcm_control.flush(now=True)
            client.flush(_FLUSH, besides=self._state.subscriptions)

    def _leave(self) -> None:
        client = self._service.client()
        try:
            if not client.disconnected:
                self._service._ipcm_control.close()
                left = self._flush_by - self._state.clock.monotonic()
                client.flush(max(left, 0.0), besides=self._state.subscriptions)
        finally:
            client.disconnect(flush=0.0)

    def _handle_last_signals(self) -> None:
        last = Activity()
        gather_signals(self._service, last, {})
        self._handle_signals(last)

    def _handle_signals(self, activity: Activity) -> None:
        service = self._service
        for sig, count in activity.sigs.items():
            for _ in range(count):
                self._call(service.run_on_sig, sig)
                self._state.telemetry.signal_handled(sig.name)
