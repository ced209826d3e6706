"""The asyncio twin of `ipcm.Client`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, Self

from ipcm._core.outcome import Outcome
from ipcm._core.patience import check_seconds, check_timeout
from ipcm._core.requests import Callback, check_callable
from ipcm.aio.driven import Driven, check_plain
from ipcm.aio.opening import Opening
from ipcm.bus import AnyBus, open_client
from ipcm.bus import reconnect as reconnect_client
from ipcm.client import DEFAULT_TIMEOUT, Stats
from ipcm.errors import BusGone, UsageError
from ipcm.message import Message, Response
from ipcm.transports.base import PeerInfo

__all__ = ["AsyncClient", "connect", "reconnect"]


class AsyncClient(Driven):
    """A connection to a bus, for tasks of one event loop; `ipcm.aio.connect` makes one.

    Methods, arguments, results and errors are those of `ipcm.Client`, and so are the promises.
    What came in and was not fetched keeps more from being read, unless a request is open.

    Args:
        client: not used by anybody else from now on.
    """

    def __repr__(self) -> str:
        return f"<AsyncClient {self.name!r} on {self.ipcm_info}>"

    @property
    def name(self) -> str:
        """Its peer name."""
        return self._sync.name

    @property
    def incarnation(self) -> str:
        """This life of the name: 32 hex digits."""
        return self._sync.incarnation

    @property
    def pid(self) -> int:
        """The process it belongs to."""
        return self._sync.pid

    @property
    def ipcm_info(self) -> str:
        """The info string of the bus."""
        return self._sync.ipcm_info

    @property
    def stats(self) -> Stats:
        """Messages read and sent."""
        return self._sync.stats

    @property
    def disconnected(self) -> bool:
        """Whether it has left the bus."""
        return self._sync.disconnected

    def _pump(self) -> None:
        self._sync.poll(0.0)

    def _is_full(self) -> bool:
        return bool(self._sync.inbox) and not self._sync.requests.open

    def _is_over(self) -> bool:
        return self._sync.over

    # Sending

    async def send_message(self, to: str, content: Any) -> int:
        """Sends a general message; see `Client.send_message`."""
        await self._take_turns()
        with self._entered() as client:
            return client.send_message(to, content)

    async def try_message(self, to: str, content: Any) -> Outcome:
        """Sends like `send_message`; an Outcome says how it went, with the id as its `out`."""
        await self._take_turns()
        with self._entered() as client:
            return client.try_message(to, content)

    async def broadcast(self, content: Any) -> dict[str, Outcome]:
        """Sends to every peer but oneself and observers; an Outcome per peer."""
        await self._take_turns()
        with self._entered() as client:
            return client.broadcast(content)

    async def requeue_message(self, message: Message) -> None:
        """Puts a message back: the next `get_messages` returns it, after what waits already."""
        with self._entered() as client:
            client.requeue_message(message)

    async def flush(self, timeout: float | None = None, *, besides: Collection[str] = ()) -> bool:
        """Waits (seconds; None: for ever) until the kernel has all that was sent.

        Args:
            besides: peers that are not waited for.

        Returns:
            False where the time-out came first.
        """
        timeout = check_timeout(timeout)
        await self._take_turns()
        with self._entered() as client:
            client.flush(0.0)

        def taken() -> bool:
            return all(name in besides for name in client.port.backlog())

        try:
            return await self._until(taken, timeout, passing=True)
        except BusGone:
            return taken()

    @contextlib.contextmanager
    def batch(self) -> Iterator[Self]:
        """What is sent in the block, by any task, leaves in as few writes as possible."""
        with self._batched():
            yield self

    # Receiving

    async def get_messages(self, timeout: float | None = 0.0) -> list[Message]:
        """Takes what came in, in order per sender.

        Args:
            timeout: seconds to wait where nothing is there; None for ever.

        Raises:
            BusGone: nothing is there, and nothing will come.
        """
        timeout = check_timeout(timeout)
        await self._take_turns()
        with self._entered() as client:
            client.poll(0.0)
            messages = client.take_inbox()
        if not messages and timeout == 0:
            await asyncio.sleep(0)  # who asks again and again still lets the others run
        while not messages and await self._until(lambda: client.inbox, timeout):
            with self._entered() as client:
                messages = client.take_inbox()
        return messages

    def __aiter__(self) -> Self:
        """Messages for as long as the bus lives and this client is connected."""
        return self

    async def __anext__(self) -> Message:
        if time.monotonic() >= self._turn_by:
            await self._take_turns()
        client = self._sync
        # One at a time: what the block, left early, has not come to waits for the next who asks.
        while not client.inbox:
            if client.disconnected:
                raise StopAsyncIteration
            with self._entered():
                client.poll(0.0)
            try:
                await self._until(lambda: client.inbox or client.disconnected, None)
            except BusGone:
                raise StopAsyncIteration from None
        message = client.inbox.popleft()
        if not client.inbox:
            self._check_loop()
            self._listen()
        return message

    async def poll(self, timeout: float | None = 0.0) -> bool:
        """Waits at most `timeout` seconds until something came: a message, or a request's end.

        Returns:
            Whether messages wait for `get_messages`.
        """
        timeout = check_timeout(timeout)
        await asyncio.sleep(0)
        client = self._sync
        most = len(client.requests.open)

        def came() -> bool:
            # Fewer than before: one has ended, also where another task has sent the next.
            nonlocal most
            before, most = most, len(client.requests.open)
            return most < before or bool(client.inbox)

        with self._entered():
            client.poll(0.0)
        await self._until(came, timeout, passing=True)
        return bool(client.inbox)

    # Requests

    async def send_request(
        self,
        to: str,
        payload: Any,
        callback: Callback | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        control: bool = False,
    ) -> int:
        """Sends a request without waiting for its answer; see `Client.send_request`.

        Args:
            callback: a plain function, called on the loop with `(response, message)`; without
                one the response is kept for `get_response` and `await_response`.

        Returns:
            The id of the request.
        """
        check_plain(callback)
        await self._take_turns()
        with self._entered() as client:
            return client.send_request(to, payload, callback, timeout=timeout, control=control)

    async def get_response(self, id: int) -> Response | None:
        """The response of a request without callback, once it is there; each is told once."""
        await self._take_turns()
        with self._entered() as client:
            return client.get_response(id)

    async def await_response(self, id: int, timeout: float | None = None) -> Response:
        """Waits for the end of a request; see `Client.await_response`.

        Cancelled, it leaves the request open.
        """
        timeout = check_timeout(timeout)
        with self._entered() as client:
            table = client.requests
            if timeout == 0 and id in table.open:
                client.poll(0.0)
            if id not in table.open or table.has_callback(id):
                return client.await_response(id)  # it has ended, or must not be awaited
        try:
            ended = await self._until(lambda: id not in table.open, timeout)
        except BusGone:
            table.forget(id)
            raise
        if not ended:
            raise table.time_out(id, timeout or 0.0)
        with self._entered():
            return client.await_response(id)

    async def request(
        self,
        to: str,
        payload: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        *,
        control: bool = False,
    ) -> Any:
        """Sends a request and waits for its answer.

        Cancelled, it is forgotten: an answer that comes all the same is counted and dropped.

        Args:
            timeout: seconds for the answer; None for ever. control: see `control`.

        Returns:
            The payload of the response.

        Raises:
            RemoteError: the peer answered with an error.
            RequestTimeout, PeerGone, NoSuchPeer: no answer came.
        """
        return await self._answer(to, payload, timeout, control=control)

    async def call(self, to: str, endpoint: str, /, **args: Any) -> Any:
        """Calls an endpoint of a service and waits for what it returns; see `Handle.call`."""
        return await self.request(to, {"endpoint": endpoint, "args": args})

    async def control(self, to: str, verb: str, timeout: float | None, **args: Any) -> Any:
        """Says a word of the control plane to a service, and waits for what it answers."""
        return await self._control(to, verb, timeout, **args)

    # Who is there

    async def peers(self) -> list[str]:
        """Names of the others: without oneself and without observers."""
        await self._take_turns()
        with self._entered() as client:
            return client.peers()

    async def peer_info(self, name: str) -> PeerInfo | None:
        """What the bus knows of a peer; None where it is not there."""
        await self._take_turns()
        with self._entered() as client:
            return client.peer_info(name)

    async def peer_exists(self, name: str) -> bool:
        """Whether somebody of that name is on the bus."""
        return await self.peer_info(name) is not None

    async def peer_pid(self, name: str) -> int | None:
        """The process of a peer; None where it is not there."""
        peer = await self.peer_info(name)
        return None if peer is None else peer.pid

    async def peer_active(self, name: str, timeout: float | None = 0.0) -> bool:
        """Whether a peer is there and, if it is a service, ready.

        Args:
            timeout: seconds to wait for it; None for ever.
        """
        timeout = check_timeout(timeout)
        await self._take_turns()
        with self._entered() as client:
            active = client.peer_active(name)
            if active or timeout == 0:
                return active
            client.port.subscribe()
        return await self._until(
            lambda: any(peer.name == name and peer.ready for peer in client.port.peers()), timeout
        )

    # The end

    async def disconnect(
        self, handler: Callable[[list[Message]], object] | None = None, *, flush: float = 5.0
    ) -> list[Message]:
        """Leaves the bus, after the kernel has taken what was sent. Repeatable.

        Open requests end with UsageError.

        Args:
            handler: called with the messages that came in and were never fetched, if any.
            flush: seconds for what waits to be sent.

        Returns:
            Those messages.
        """
        flush = check_seconds(flush, "flush")
        if handler is not None:
            check_callable(handler, "a handler")
        client = self._sync
        if client.disconnected:
            return []
        if not self._check_may_close():
            return client.disconnect(handler, flush=0.0)
        try:
            await self.flush(flush)
        except UsageError:
            if not client.disconnected:
                raise
            # By another task meanwhile, which has what was unread.
        finally:
            self._stop()
            with self._entered():
                unread = client.disconnect(handler, flush=0.0)
        return unread

    async def suspend(self, expires_in: float | None = None) -> None:
        """Goes away for a while: mail is kept for `ipcm.aio.reconnect`; see `Client.suspend`."""
        with self._entered() as client:
            self._stop()
            client.suspend(expires_in)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()


def connect(name: str, bus: AnyBus | None = None) -> Opening[AsyncClient]:
    """Connects to a bus under a peer name; `await` it, or enter it with `async with`.

    Args:
        bus: a Bus, an info string, a name; None for `IPCM_BUS`, else the only live bus.

    Raises:
        NameTaken: a live peer has the name. InvalidName. NoSuchBus, ManyBuses, BusGone.
    """
    return Opening(_connect(name, bus), AsyncClient.disconnect)


def reconnect(name: str, bus: AnyBus | None = None) -> Opening[AsyncClient]:
    """Takes up a suspended peer again, with its mail; see `ipcm.reconnect`."""
    return Opening(_reconnect(name, bus), AsyncClient.disconnect)


async def _reconnect(name: str, bus: AnyBus | None) -> AsyncClient:
    return AsyncClient(reconnect_client(name, bus))


async def _connect(name: str, bus: AnyBus | None) -> AsyncClient:
    return AsyncClient(open_client(name, bus))
