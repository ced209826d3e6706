"""A bus on which services run turn by turn, in one thread, and time is virtual."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from typing import Any, Final, Self

from ipcm._core.businfo import BusInfo
from ipcm._core.presence import PeerKind
from ipcm._os.signal_names import parse_signal
from ipcm.bus import Bus, open_client
from ipcm.client import Client
from ipcm.errors import RequestTimeout, ServiceStartError, UsageError
from ipcm.role.callbacks import Service
from ipcm.role.handle import Handle
from ipcm.role.role import ServiceRole
from ipcm.role.text import format_error, format_traceback
from ipcm.serializers import DEFAULT as DEFAULT_SERIALIZER
from ipcm.serializers import get_serializer
from ipcm.testing.clock import VirtualClock
from ipcm.testing.staged import Actor
from ipcm.transports.base import BusRecord
from ipcm.transports.memory.hub import Hub
from ipcm.transports.memory.pipe import Mailbox
from ipcm.transports.memory.transport import MemoryTransport
from ipcm.transports.registry import get_transport

__all__ = ["Stage", "Stalled"]

_GRACE: Final = 60.0
_numbers = itertools.count(1)


class Stalled(UsageError):
    """Everybody on a stage waits for somebody else, and none for time: nothing can happen."""


class _StageHub(Hub):
    """Who waits here lets the others go on."""

    stage: Stage

    def sleep(self, box: Mailbox, timeout: float | None) -> None:
        self.stage.wait(lambda: not box.silent, timeout)

    def awaited(self, box: Mailbox) -> bool:
        return box.kind == "service"  # in one thread, all of them

    def await_departure(self, timeout: float) -> None:
        self.stage.go_on(self.clock.monotonic() + timeout)


class Stage:
    """Services without processes or threads, under a clock that jumps where all would wait.

    Whoever waits on the stage (a client for an answer, a service in a handler) lets the others
    take their turns, one at a time and always in the same order; when nobody has anything to
    do, the clock jumps to the next moment at which somebody has. A test that waits for an hour
    takes as long as what happens in that hour.

    The services are real ones, with real requests through a real serializer; what they have not
    is a process: no children, no workers, and signals only from `signal`. A handler that reads
    the system's clock, or sleeps by it, is not helped.

        with Stage() as stage:
            stage.service("adder", Adder)
            assert stage.connect("me").request("adder", ...) == 3

    Args:
        serializer: name of the bus's; the default one where it is None.

    Attributes:
        clock: of the stage. bus: of the stage.
    """

    def __init__(self, serializer: str | None = None) -> None:
        self.clock = VirtualClock()
        name = f"stage-{next(_numbers)}"
        chosen = get_serializer(serializer or DEFAULT_SERIALIZER).name
        info = BusInfo(MemoryTransport.name, chosen, f"{os.getpid()}/{name}")
        record = BusRecord(name, info, os.getpid(), self.clock.time(), True)
        self._hub = hub = _StageHub(record, clock=self.clock)
        hub.stage = self
        transport = get_transport(MemoryTransport.name)
        assert isinstance(transport, MemoryTransport)
        transport.add(hub)
        self.bus = Bus(record, owned=True)
        self._actors: list[Actor] = []
        self._clients: list[Client | Handle] = []

    # Who is on it

    def service(self, name: str, maker: Callable[..., ServiceRole] = Service, **params: Any) -> Any:
        """Starts a service.

        Args:
            maker: a ServiceRole class; `Service` where it is left out. params: for it.

        Returns:
            The service itself, whose attributes are there to be looked at.

        Raises:
            ServiceStartError: its start callback failed. NameTaken, InvalidName.
        """
        made = maker(name=name, ipcm_info=self.bus.info, pid=os.getpid(), **params)
        actor = Actor(made, self.clock)
        self._actors.append(actor)
        actor.start()
        if actor.error is not None:
            error, actor.error = actor.error, None
            text = f"{name!r} failed to start: {format_error(error)}"
            raise ServiceStartError(name, text, format_traceback(error)) from error
        return made

    def connect(self, name: str, *, kind: PeerKind = "client", read_only: bool = False) -> Client:
        """A client, which leaves at the end of the stage."""
        client = open_client(name, self.bus, kind=kind, read_only=read_only)
        self._clients.append(client)
        return client

    def attach(self, service: str, *, read_only: bool = False) -> Handle:
        """A handle for a service, which leaves at the end of the stage."""
        handle = Handle(service, self.bus.info, read_only=read_only)
        self._clients.append(handle)
        return handle

    # Going on

    def settle(self) -> None:
        """Lets everybody go on until all wait; no time passes."""
        while self._step():
            pass

    def sleep(self, seconds: float) -> None:
        """Lets everybody go on for some time."""
        self.wait(lambda: False, seconds)

    def wait(self, done: Callable[[], Any], timeout: float | None = _GRACE) -> bool:
        """Lets everybody go on until something is so.

        Args:
            done: asked between turns. timeout: seconds; None for ever.

        Returns:
            Whether it is so; False where the time-out came first.

        Raises:
            Stalled: it never will be.
        """
        limit = math.inf if timeout is None else self.clock.monotonic() + timeout
        while not done():
            # Nobody may have anything left to do at the limit itself.
            if self.clock.monotonic() >= limit and not self._step():
                return bool(done())
            if self.clock.monotonic() < limit:
                self.go_on(limit)
        return True

    def go_on(self, limit: float) -> None:
        """Lets one take one turn; where nobody has anything to do, time passes.

        Args:
            limit: how far (by `clock.monotonic`).

        Raises:
            Stalled: nobody waits for time either, and there is no limit.
        """
        if self._step():
            return
        soonest = min((actor.deadline for actor in self._actors), default=math.inf)
        soonest = min(soonest, limit)
        if soonest == math.inf:
            raise Stalled("everybody on the stage waits for somebody else, and none for time")
        if soonest > self.clock.monotonic():
            self.clock.advance_to(soonest)

    def _step(self) -> bool:
        before = self._hub.received
        stepped = [actor.step() for actor in self._actors]
        # A coroutine or a callback may have sent something without there being a turn.
        return any(stepped) or self._hub.received != before

    # Endings

    def signal(self, service: ServiceRole, sig: Any, count: int = 1) -> None:
        """A service gets a signal, so many times."""
        self._actor(service).signal({parse_signal(sig): count})

    def result(self, service: ServiceRole, timeout: float | None = _GRACE) -> Any:
        """Waits for the end of a service.

        Returns:
            Its termination value.

        Raises:
            Exception: what ended it otherwise.
            RequestTimeout: it still runs after `timeout` seconds.
        """
        actor = self._actor(service)
        if not self.wait(lambda: actor.over, timeout):
            raise RequestTimeout(service.name, timeout or 0.0, f"{service.name!r} has not ended")
        error, actor.error = actor.error, None
        if error is not None:
            raise error
        return service.terminated

    def _actor(self, service: ServiceRole) -> Actor:
        for actor in self._actors:
            if actor.service is service:
                return actor
        raise UsageError(f"{service!r} is not on this stage")

    def close(self) -> None:
        """Ends everything. Repeatable.

        Raises:
            Exception: what ended a service, where nobody has asked for its `result`.
        """
        try:
            for client in self._clients:
                client.close() if isinstance(client, Handle) else client.disconnect()
        finally:
            self.bus.shutdown(_GRACE)
        errors = [actor.error for actor in self._actors if actor.error is not None]
        for actor in self._actors:
            actor.error = None
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise BaseExceptionGroup("several services failed", errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.close()
        except Exception:
            if kind is None:
                raise  # else the test's own failure is what counts
