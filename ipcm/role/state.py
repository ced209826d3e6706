"""What a running service knows beyond its consumer's own attributes."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable
from signal import Signals
from typing import TYPE_CHECKING, Any

import msgspec

from ipcm._core.clock import Clock
from ipcm._core.deltas import Deltas
from ipcm._core.requests import Ending
from ipcm._core.subscription import Subscription
from ipcm._core.telemetry import Telemetry
from ipcm._os.clock import SYSTEM_CLOCK
from ipcm._os.orderly import ORDERLY
from ipcm._os.process import ProcessIdentity

if TYPE_CHECKING:
    from ipcm._os.children import Children
    from ipcm._os.lifeline import Lifeline
    from ipcm._os.output import OutputFile
    from ipcm._os.signals import SignalCounter
    from ipcm._os.waker import Waker
    from ipcm.client import Client
    from ipcm.role.coroutines import Coroutines
    from ipcm.role.endpoints import Endpoints
    from ipcm.role.peer import Peer

__all__ = ["OpenRequest", "ServiceState", "Worker"]


class OpenRequest(msgspec.Struct, gc=False):
    """A request that was received and not answered yet; times are monotonic seconds.

    Attributes: life: the incarnation of the asker.
    """

    received: float
    deadline: float
    endpoint: str
    life: str
    dispatched: bool = False


@dataclasses.dataclass(slots=True)
class Worker:
    """A registered worker; `started` in monotonic seconds."""

    name: str
    started: float


@dataclasses.dataclass(slots=True)
class ServiceState:
    """All internal fields of the role in one place; `clear_service_fields` makes a new one.

    Attributes:
        phase: "starting", "running" or "ending".
        on_ready: called once the start callback has run.
        open: requests by (peer, id). answering: the one whose answer is being sent.
        forgotten: requests whose answer nobody waits for any more, and which may still come.
        endings: requests of this service that ended without a message; their callbacks wait.
        watched: watched processes by pidfd. identities: of watched pids, taken before the fork.
        starter: the process that started it, if it was started.
        output: the file on the bus that its output goes to. output_due: when to look at its size.
        flush_due: when observers are to get what has waited for it.
        held: messages at the head of the inbox that wait for the end of an earlier life.
        slow: handlers took long in the last turn.
        threaded: it runs outside of the main thread, or on a stage: no signals, no children.
        clock: of the bus.
        waker: ends its sleep when it is terminated. process: the one that runs the loop, once it
            does.
        ends_on: signals that end it in order. ended_by: the one that did.
    """

    terminated: Any = None
    is_terminated: bool = False
    phase: str = "starting"
    started: float = 0.0
    started_at: float = 0.0
    client: Client | None = None
    clock: Clock = SYSTEM_CLOCK
    threaded: bool = False
    signals: SignalCounter | None = None
    waker: Waker | None = None
    process: int = 0
    children: Children | None = None
    lifeline: Lifeline | None = None
    endpoints: Endpoints | None = None
    coroutines: Coroutines | None = None
    output: OutputFile | None = None
    output_due: float = 0.0
    on_ready: Callable[[], object] | None = None
    workers: dict[int, Worker] = dataclasses.field(default_factory=dict)
    open: dict[tuple[str, int], OpenRequest] = dataclasses.field(default_factory=dict)
    forgotten: dict[tuple[str, int], bool] = dataclasses.field(default_factory=dict)
    subscriptions: dict[str, Subscription] = dataclasses.field(default_factory=dict)
    peers: dict[str, Peer] = dataclasses.field(default_factory=dict)
    watched: dict[int, ProcessIdentity] = dataclasses.field(default_factory=dict)
    ended_pids: dict[int, int] = dataclasses.field(default_factory=dict)
    endings: deque[Ending] = dataclasses.field(default_factory=deque)
    deltas: Deltas = dataclasses.field(default_factory=Deltas)
    telemetry: Telemetry = dataclasses.field(default_factory=Telemetry)
    identities: dict[int, ProcessIdentity] = dataclasses.field(default_factory=dict)
    starter: ProcessIdentity | None = None
    answering: OpenRequest | None = None
    watch_ended: bool = False
    held: int = 0
    next_interval: float = math.inf
    next_cycle: float = math.inf
    next_expiry: float = math.inf
    flush_due: float = math.inf
    selected: float = 0.0
    slow: bool = False
    ends_on: frozenset[Signals] = ORDERLY
    ended_by: Signals | None = None
