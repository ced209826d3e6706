"""The asyncio twin of `ipcm.Observer`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, Final, Self

import msgspec

from ipcm._core.filters import Wanted
from ipcm._core.observation import Event, Snapshot
from ipcm._core.patience import check_timeout
from ipcm._core.presence import PeerInfo
from ipcm._core.requests import Callback
from ipcm.aio.driven import Driven, check_plain
from ipcm.aio.opening import Opening
from ipcm.bus import AnyBus, find_bus
from ipcm.client import DEFAULT_TIMEOUT
from ipcm.errors import BusGone
from ipcm.message import Response
from ipcm.observe.observer import Observer, signal_args

__all__ = ["AsyncObserver", "observe"]

_MOST_WAITING: Final = 10_000
_PATIENCE: Final = 1.0


class AsyncObserver(Driven):
    """The events and snapshots of all services of a bus, for tasks of one event loop.

    Methods, arguments, results and errors are those of `ipcm.Observer`. While ten thousand events
    wait to be fetched, no more are read: services count what they cannot send meanwhile.

    Args:
        observer: not used by anybody else from now on.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._events: deque[Event] = deque()
        super().__init__(observer.client)

    def __repr__(self) -> str:
        return f"<AsyncObserver {self.name!r} on {self._sync.ipcm_info}>"

    @property
    def name(self) -> str:
        """The observer's own peer name."""
        return self._observer.name

    @property
    def presence(self) -> dict[str, PeerInfo]:
        """Who is on the bus, by name, observers left out."""
        return self._observer.presence

    @property
    def snapshots(self) -> dict[str, Snapshot]:
        """The last snapshot of each live service."""
        return self._observer.snapshots

    @property
    def descriptions(self) -> dict[str, Any]:
        """What services have said of themselves, when `ask_description` asked."""
        return self._observer.descriptions

    @property
    def dropped(self) -> int:
        """Events that never came, because there were too many."""
        return self._observer.dropped

    @property
    def busy(self) -> dict[str, float]:
        """Services that have not answered for more than a second, and for how many."""
        return self._observer.busy

    @property
    def complete(self) -> bool:
        """Whether there is a snapshot of every service that is watched and ready."""
        return self._observer.complete

    @property
    def over(self) -> bool:
        """Whether the bus ended; events may still wait for `poll`."""
        return self._observer.over

    @property
    def read_only(self) -> bool:
        """Whether the connection may look and nothing else."""
        return self._observer.read_only

    def _pump(self) -> None:
        try:
            self._events += self._observer.poll(0.0)
        except BusGone:
            return  # told by `_is_over`, once every event has been fetched

    def _is_full(self) -> bool:
        return len(self._events) >= _MOST_WAITING

    def _owes(self) -> bool:
        return super()._owes() or self._observer.owes

    def _is_over(self) -> bool:
        return self._observer.over

    # Looking

    async def poll(self, timeout: float | None = 0.0) -> list[Event]:
        """The events since the last poll, in the order they came in.

        A peer that comes or goes is a PeerEvent without service.

        Args:
            timeout: seconds to wait for the first one; None for ever.

        Raises:
            BusGone: the bus ended, and every event has been told.
        """
        timeout = check_timeout(timeout)
        await self._take_turns()
        with self._entered():
            self._pump()
        if not self._events:
            await asyncio.sleep(0)  # who asks again and again still lets the others run
            await self._until(lambda: self._events, timeout)
        with self._entered():
            events = list(self._events)
            self._events.clear()
        if not events and self._is_over():
            raise BusGone("the bus ended")
        return events

    async def ready(self, timeout: float | None = 0.0) -> bool:
        """Whether every service that is watched has told of itself; see `Observer.ready`."""
        timeout = check_timeout(timeout)
        await self._take_turns()
        with self._entered():
            self._pump()
        observer = self._observer
        await self._until(lambda: observer.complete or observer.over, timeout)
        if observer.over and not observer.complete:
            raise BusGone("the bus ended")
        return observer.complete

    def __aiter__(self) -> Self:
        """Events for as long as the bus lives and this observer is open."""
        return self

    async def __anext__(self) -> Event:
        if time.monotonic() >= self._turn_by:
            await self._take_turns()
        try:
            while not self._events:
                if self._sync.disconnected:
                    raise StopAsyncIteration
                await self._until(lambda: self._events or self._sync.disconnected, None)
        except BusGone:
            raise StopAsyncIteration from None
        event = self._events.popleft()
        if len(self._events) == _MOST_WAITING - 1:
            self._settle()
        return event

    async def refresh(self) -> None:
        """Asks every service for a fresh snapshot; they come in meanwhile."""
        await self._take_turns()
        with self._entered():
            self._observer.refresh()

    async def ask_description(self, service: str) -> None:
        """Asks a service what it offers; that comes in meanwhile, in `descriptions`."""
        await self._take_turns()
        with self._entered():
            self._observer.ask_description(service)

    async def describe(self, service: str, timeout: float = _PATIENCE) -> Any:
        """What a service offers: class, docstring, endpoints with their schemas.

        Raises:
            NoSuchPeer, PeerGone, RequestTimeout.
        """
        return await self._control(service, "describe", timeout)

    async def snapshot(self, service: str, timeout: float = _PATIENCE) -> Snapshot:
        """A fresh snapshot; raises NoSuchPeer, PeerGone, RequestTimeout."""
        plain = await self._control(service, "snapshot", timeout)
        return msgspec.convert(plain, Snapshot)

    # Acting

    async def send_request(
        self, peer: str, payload: Any, *, timeout: float | None = DEFAULT_TIMEOUT
    ) -> int:
        """Sends a request as any client; its response is there for `get_response` later.

        Raises:
            UnsupportedError: the connection is read-only. NoSuchPeer.
        """
        await self._take_turns()
        with self._entered():
            return self._observer.send_request(peer, payload, timeout=timeout)

    async def get_response(self, id: int) -> Response | None:
        """The response, once it is there; each is told once."""
        await self._take_turns()
        with self._entered():
            return self._observer.get_response(id)

    async def request(
        self, peer: str, payload: Any, timeout: float | None = DEFAULT_TIMEOUT
    ) -> Any:
        """Sends a request and waits for its answer; see `AsyncClient.request`.

        Raises:
            UnsupportedError: the connection is read-only.
            RemoteError, RequestTimeout, PeerGone, NoSuchPeer.
        """
        self._observer.check_writable("send a request")
        return await self._answer(peer, payload, timeout)

    async def terminate(self, service: str, timeout: float = _PATIENCE) -> None:
        """Asks a service to end; raises UnsupportedError where read-only, NoSuchPeer."""
        self._observer.check_writable("terminate")
        await self._control(service, "terminate", timeout)

    async def ask_terminate(self, service: str, answered: Callback) -> None:
        """Asks a service to end, and does not wait; see `Observer.ask_terminate`.

        Args:
            answered: a plain function, called on the loop with `(response, message)`.

        Raises:
            UnsupportedError: the connection is read-only. NoSuchPeer.
        """
        check_plain(answered)
        await self._take_turns()
        with self._entered():
            self._observer.ask_terminate(service, answered)

    async def signal(self, service: str, number: int | str, timeout: float = _PATIENCE) -> None:
        """Has a service signal itself; see `Observer.signal`."""
        self._observer.check_writable("signal")
        await self._control(service, "signal", timeout, **signal_args(number))

    async def close(self) -> None:
        """Leaves the bus. Repeatable."""
        if not self._check_may_close():
            self._observer.close()
            return
        self._stop()
        with self._entered():
            self._observer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def observe(
    bus: AnyBus | None = None, filter: Wanted = None, **options: Any
) -> Opening[AsyncObserver]:
    """Watches the services of a bus, as they come and go; `await` it, or `async with`.

    Args:
        bus: a Bus, an info string, a name; None for `IPCM_BUS`, else the only live bus.
        filter, options: see `Bus.observe`.

    Raises:
        NoSuchBus, ManyBuses, BusGone, UsageError.
    """
    return Opening(_observe(bus, filter, options), AsyncObserver.close)


async def _observe(bus: AnyBus | None, filter: Wanted, options: dict[str, Any]) -> AsyncObserver:
    return AsyncObserver(find_bus(bus).observe(filter, **options))
