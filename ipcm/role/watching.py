"""What one look of the loop finds: messages, signals, children, timers, peers, processes."""

from __future__ import annotations

import math
import operator
import os
from signal import SIGCHLD
from typing import TYPE_CHECKING, Any, Final

from ipcm._core.activity import Activity, begin_activity
from ipcm._core.observation import SignalEvent
from ipcm._core.patience import check_seconds
from ipcm._os.process import identify, open_pidfd
from ipcm._os.signal_names import parse_signal
from ipcm.errors import UsageError
from ipcm.message import Message

if TYPE_CHECKING:
    from ipcm.client import Client
    from ipcm.role.role import ServiceRole
    from ipcm.role.state import ServiceState

__all__ = [
    "deadline",
    "due",
    "gather_signals",
    "interval_of",
    "is_due",
    "pids_in",
    "set_timers",
    "take_changes",
    "watch",
    "watch_bus",
    "watch_processes",
]

_LOOK_AROUND: Final = 0.01
_MOMENT: Final = 0.1
_NEVER: Final = math.inf
_SHORTEST: Final = 0.001


def watch(service: ServiceRole, sig_seen: dict[Any, int]) -> Activity:
    """See `ServiceRole.watch`."""
    client, state = service.client(), service._ipcm_state
    if not state.held:
        # What has been read already is dealt out first, a life of each name a turn: where lives
        # come and go faster than that, reading on would pile up ever more.
        client.pump(0.0, True)
    monotonic = state.clock.monotonic
    if not (client.inbox or sig_seen or _has_work(client, state)):
        # What the service wants to hear of may change with every turn. It is asked where that
        # matters, before a sleep and now and then: asking takes longer than a request.
        set_timers(service)
        watch_processes(service)
        began = monotonic()
        _look(service, 0.0 if state.watch_ended else _timeout(service, began))
        client.port.slept(monotonic() - began)
        client.pump(0.0)
    elif monotonic() - state.selected > _LOOK_AROUND or state.coroutines is not None:
        set_timers(service)
        watch_processes(service)
        _look(service, 0.0)
    return _gather(service, client, sig_seen)


def watch_bus(service: ServiceRole) -> Activity:
    """Looks where the service's own way to do so has failed: at the bus and at signals.

    It waits a moment, in which nothing else wakes it.
    """
    client = service.client()
    client.pump(_MOMENT)
    return _gather(service, client, {})


def set_timers(service: ServiceRole) -> None:
    """Sets when the first timed turns come of those that are wanted now; or that none do."""
    state = service._ipcm_state
    now = state.clock.monotonic()
    cycle = service.wants_cycle()
    # Never later than a time from now on: it may have become shorter.
    if not cycle:
        state.next_cycle = math.inf
    else:
        state.next_cycle = min(state.next_cycle, now + check_seconds(service.cycle, "cycle"))
    if not (cycle or service.wants_interval()):
        state.next_interval = math.inf
    else:
        state.next_interval = min(state.next_interval, now + interval_of(service))


def interval_of(service: ServiceRole) -> float:
    """Seconds from one interval to the next; not so short that nothing else is done."""
    return max(check_seconds(service.interval, "interval"), _SHORTEST)


def is_due(service: ServiceRole) -> bool:
    """Whether a turn has reason to come now; for those who take turns without waiting."""
    client = service.client()
    client.pump(0.0)
    # Asked first: it lets coroutines go on.
    ready = set(service.select(0.0)) - {client.fileno()}
    return bool(ready) or _has_work(client, service._ipcm_state)


def due(service: ServiceRole) -> float:
    """When the next turn comes, as `deadline` has it; long ago where there is something for it."""
    has_work = _has_work(service.client(), service._ipcm_state)
    return -math.inf if has_work else deadline(service)


def deadline(service: ServiceRole) -> float:
    """When the next turn comes even if nothing happens (seconds of the bus's clock)."""
    client, state = service.client(), service._ipcm_state
    return min(_next_turn(state), client.requests.soonest, client.port.deadline)


def _has_work(client: Client, state: ServiceState) -> bool:
    return bool(
        client.inbox
        or client.changes
        or client.port.changes
        or state.deltas.waiting
        or state.endings
        or (state.coroutines is not None and state.coroutines.ended)
        or state.ended_pids
        or state.watch_ended
        or state.is_terminated
        or (state.signals is not None and state.signals.noticed)
        or ((soonest := _next_turn(state)) < math.inf and soonest <= state.clock.monotonic())
    )


def _next_turn(state: ServiceState) -> float:
    """When a turn comes though nothing happened."""
    # Without open requests the next expiry is one that was answered in time.
    expiry = state.next_expiry if state.open else math.inf
    return min(state.next_cycle, state.next_interval, state.flush_due, expiry)


def _look(service: ServiceRole, timeout: float | None) -> None:
    state = service._ipcm_state
    ready = service.select(timeout)
    state.selected = state.clock.monotonic()
    if not ready:
        return
    if state.watched and not state.watched.keys().isdisjoint(ready):
        state.watch_ended = True
    if state.signals is not None and state.signals.fileno() in ready:
        # Also what came for a handler of somebody else's: it has to be read away.
        state.signals.noticed = True


def _timeout(service: ServiceRole, now: float) -> float | None:
    soonest = deadline(service)
    return None if soonest == math.inf else max(soonest - now, 0.0)


def _gather(service: ServiceRole, client: Client, sig_seen: dict[Any, int]) -> Activity:
    state = service._ipcm_state
    messages = list(client.inbox)
    client.inbox.clear()
    activity = begin_activity(messages)
    if messages:
        service.open_requests(messages[state.held :] if state.held else messages)
        state.held = 0
    # The pipe of the signals is read where there is something in it: that is a system call.
    if sig_seen or (state.signals is not None and state.signals.noticed):
        gather_signals(service, activity, sig_seen)
    if state.ended_pids:
        activity.pids, state.ended_pids = state.ended_pids, {}
    activity.pid_watch = state.watch_ended
    if client.changes or client.port.changes:
        # Who asks for an end with a value means it more than the bus that asks everybody.
        asked = [message.content for message in messages if message.is_terminate]
        take_changes(service, asked[0] if asked else 0)
    if state.deltas.waiting:
        messages = activity.messages = _hold_back(client, state, messages)
        activity.peer_delta = state.deltas.take({message.sender for message in messages})
    if state.next_interval != _NEVER and state.clock.monotonic() >= state.next_interval:
        activity.interval = True
    if state.is_terminated:
        activity.terminated = state.terminated
    return activity


def _hold_back(client: Client, state: ServiceState, messages: list[Message]) -> list[Message]:
    """Puts back what the next life of a name has said while the end of one is not told yet."""
    leaving = state.deltas.leaving()
    later = [m for m in messages if leaving.get(m.sender, m.incarnation) != m.incarnation]
    if not later:
        return messages
    client.inbox.extendleft(reversed(later))
    state.held = len(later)
    return [m for m in messages if leaving.get(m.sender, m.incarnation) == m.incarnation]


def gather_signals(service: ServiceRole, activity: Activity, sig_seen: dict[Any, int]) -> None:
    """Puts the signals that came, and the children that ended, where a turn finds them."""
    state = service._ipcm_state
    counted = {parse_signal(sig): count for sig, count in sig_seen.items()}
    if state.signals is not None:
        for sig, count in state.signals.drain().items():
            counted[sig] = counted.get(sig, 0) + count
        if state.signals.woken or SIGCHLD in counted:
            state.signals.woken = False
            state.ended_pids.update(service.reap_children())
    grabbed = service._ipcm_grabbed()
    when = state.clock.time()
    for sig, count in counted.items():
        state.telemetry.signal_received(sig.name, count, when)
        if state.subscriptions:
            service._ipcm_control.emit(SignalEvent(service.name, when, sig.name, count))
        if sig in grabbed:
            activity.sigs[sig] = count
    for sig in state.ends_on & counted.keys():
        state.telemetry.signal_handled(sig.name, counted[sig])
        state.ended_by = state.ended_by or sig
        activity.terminated = service.terminate(0)


def take_changes(service: ServiceRole, value: Any = 0) -> None:
    """Heeds what the bus has told of peers and of itself, and sums it up as a peer delta.

    Args:
        value: the termination value, where the bus asks its services to end.
    """
    client, state = service.client(), service._ipcm_state
    if client.port.changes:
        client.pump(0.0)
    changes, client.changes = client.changes, []
    for change in changes:
        peer = change.peer
        if change.what in ("terminate", "ended"):
            service.terminate(value)
        elif change.what == "left" and peer is not None:
            service.forget_asker(peer.name, peer.incarnation)
            service._ipcm_control.forget(peer.name, peer.incarnation)
            state.peers.pop(peer.name, None)
        if peer is not None and peer.kind != "observer" and peer.name != service.name:
            if change.what == "joined":
                state.deltas.add(peer.name, 1, peer.incarnation)
            elif change.what == "left":
                state.deltas.add(peer.name, -1, peer.incarnation)


def pids_in(watch_pids: Any) -> set[int]:
    """The processes to watch.

    Raises:
        UsageError: these are no pids.
    """
    try:
        pids = {operator.index(pid) for pid in watch_pids or ()}
    except TypeError:
        pids = {0}
    if pids and min(pids) <= 0:
        raise UsageError(f"watch_pids has to be a list of pids, or None; it is {watch_pids!r:.100}")
    return pids


def watch_processes(service: ServiceRole) -> None:
    """Watches the processes of `watch_pids` as it is now."""
    state = service._ipcm_state
    wanted = pids_in(service.watch_pids)
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
    starter = state.starter
    service.client().port.end_with(starter if starter and starter.pid in wanted else None)
