"""The asyncio twin of `ipcm.Handle`."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Self

import msgspec

from ipcm._core.observation import Snapshot
from ipcm._core.patience import check_seconds, check_timeout
from ipcm._core.requests import Callback
from ipcm.aio.client import AsyncClient
from ipcm.aio.observer import AsyncObserver, observe
from ipcm.aio.opening import Opening
from ipcm.bus import AnyBus, Bus
from ipcm.client import DEFAULT_TIMEOUT
from ipcm.errors import IPCMError, RequestTimeout, ServiceStartError, UsageError
from ipcm.message import Message, Response
from ipcm.observe.output import Output
from ipcm.role.callbacks import Service
from ipcm.role.context import forking_service
from ipcm.role.handle import Handle
from ipcm.role.handle import attach as attach_handle
from ipcm.role.launch import service as start_service
from ipcm.role.process import ServiceProcess
from ipcm.role.role import ServiceRole
from ipcm.shown import Shown

__all__ = ["AsyncHandle", "attach", "service"]

_LOOK_AGAIN: Final = 0.1


class AsyncHandle(Shown):
    """A service from outside, for tasks of one event loop; `ipcm.aio.attach` makes one.

    Methods, arguments, results and errors are those of `ipcm.Handle`.

    Args:
        handle: not used by anybody else from now on.

    Attributes:
        client: its own connection.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self.client = AsyncClient(handle.client)

    def __repr__(self) -> str:
        return f"<AsyncHandle {self.name!r} of service {self.service_name!r}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        # Over a connection of its own: that of this handle waits in the loop, and a look does not.
        with Handle(self.service_name, self.ipcm_info) as look:
            seen = self._handle if self.client.disconnected else look
            return {**seen._repr_mimebundle_(), "text/plain": repr(self)}

    @property
    def name(self) -> str:
        """The peer name of its client."""
        return self._handle.name

    @property
    def service_name(self) -> str:
        """The service."""
        return self._handle.service_name

    @property
    def ipcm_info(self) -> str:
        """The info string of the bus."""
        return self._handle.ipcm_info

    @property
    def bus(self) -> Bus:
        """The bus of the service; raises BusGone where it ended."""
        return self._handle.bus

    @property
    def child_pid(self) -> int | None:
        """The pid that the first fork returned; None for an attached handle."""
        return self._handle.child_pid

    @property
    def service_pid(self) -> int | None:
        """The service's own process; None where it is not there."""
        return self._handle.service_pid

    async def ready(self, timeout: float | None = 0.0) -> bool:
        """Whether the service is there and ready; waits at most `timeout` seconds."""
        return await self.client.peer_active(self.service_name, timeout)

    # Asking

    async def request(self, payload: Any, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """Asks the service and waits; see `AsyncClient.request`."""
        return await self.client.request(self.service_name, payload, timeout)

    async def call(self, endpoint: str, /, **args: Any) -> Any:
        """Calls an endpoint and waits for what it returns; see `Handle.call`."""
        return await self.client.call(self.service_name, endpoint, **args)

    async def sync_request(
        self, peer: str, payload: Any, timeout: float | None = DEFAULT_TIMEOUT
    ) -> Response:
        """Asks any peer and waits; a remote error comes in the response, others are raised."""
        return await self.client.await_response(
            await self.client.send_request(peer, payload, timeout=timeout)
        )

    async def send_request(
        self,
        peer: str,
        payload: Any,
        callback: Callback | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
    ) -> int:
        """Asks any peer without waiting; see `AsyncClient.send_request`."""
        return await self.client.send_request(peer, payload, callback, timeout=timeout)

    async def get_response(self, id: int) -> Response | None:
        """The response of a request without callback, once it is there."""
        return await self.client.get_response(id)

    async def await_response(self, id: int, timeout: float | None = None) -> Response:
        """Waits for the response of a request; see `AsyncClient.await_response`."""
        return await self.client.await_response(id, timeout)

    async def await_all_responses(self, timeout: float | None = None) -> None:
        """Waits until no request is open; their callbacks have been called then.

        Raises:
            RequestTimeout: one still is, after `timeout` seconds.
        """
        timeout = check_timeout(timeout)
        open = self._handle.client.requests.open
        if not await self.client._until(lambda: not open, timeout):
            raise RequestTimeout(self.service_name, timeout or 0.0)

    async def poll(self, timeout: float | None = 0.0) -> bool:
        """Waits at most `timeout` seconds until something came; see `AsyncClient.poll`."""
        return await self.client.poll(timeout)

    async def messages(self) -> list[Message]:
        """Takes what came in and is no response."""
        return await self.client.get_messages()

    @contextlib.contextmanager
    def batch(self) -> Iterator[Self]:
        """What is sent in the block, by any task, leaves in as few writes as possible."""
        with self.client.batch():
            yield self

    # Looking

    async def describe(self, timeout: float = 1.0) -> Any:
        """What the service offers: class, docstring, endpoints with their schemas."""
        return await self.client.control(self.service_name, "describe", timeout)

    async def snapshot(self, timeout: float = 1.0) -> Snapshot:
        """The service at this moment; raises RequestTimeout where it is busy."""
        plain = await self.client.control(self.service_name, "snapshot", timeout)
        return msgspec.convert(plain, Snapshot)

    def observe(self, **options: Any) -> Opening[AsyncObserver]:
        """Watches this service, and the bus as far as it concerns it; see `ipcm.aio.observe`."""
        return observe(self.bus, glob.escape(self.service_name), **options)

    def output(self) -> Output:
        """What the service writes to its file on the bus; see `Bus.output`. It never waits."""
        return self._handle.output()

    # Ending

    async def terminate(self, value: Any = 0) -> None:
        """Asks the service to end with this value; returns at once. Fine on a dead one."""
        with self.client._entered():
            self._handle.terminate(value)

    async def wait(self, timeout: float | None = None) -> Any:
        """Waits for the end of the service that this handle started; see `Handle.wait`."""
        timeout = check_timeout(timeout)
        handle = self._handle
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while handle.process is not None and not handle.ended():
            left = deadline - time.monotonic()
            if left <= 0:
                raise RequestTimeout(self.service_name, timeout or 0.0)
            await news_of(handle.process, left)
        return handle.wait(0.0)

    async def close(self, grace: float = 5.0) -> None:
        """Disconnects; ends the service and the bus if they are its own; see `Handle.close`.

        Args:
            grace: seconds for them to end by themselves.
        """
        grace = check_seconds(grace, "grace")
        deadline = time.monotonic() + grace
        alive = self.client._check_may_close()
        try:
            try:
                if alive and self._handle.process is not None and not self.client.disconnected:
                    with contextlib.suppress(IPCMError):
                        await self.terminate()
                        await self.wait(grace)
            finally:
                # Also where it is cancelled: the loop must not wait for a closed descriptor.
                await self.client.disconnect()
        finally:
            self._handle.close(max(deadline - time.monotonic(), 0.0))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def attach(
    service: str, bus: AnyBus | None = None, *, read_only: bool = False
) -> Opening[AsyncHandle]:
    """Attaches to a running service; `await` it, or enter it with `async with`.

    Args:
        service: its name. bus: a Bus, info string or name; None for the only live one.
        read_only: the connection may look and nothing else.

    Raises:
        NoSuchPeer: with the names of those who are there. NoSuchBus, ManyBuses, BusGone.
    """
    return Opening(_attach(service, bus, read_only))


async def _attach(service: str, bus: AnyBus | None, read_only: bool) -> AsyncHandle:
    return AsyncHandle(attach_handle(service, bus, read_only=read_only))


def service(
    name: str,
    maker: Callable[..., ServiceRole] = Service,
    *,
    timeout: float | None = 30.0,
    **params: Any,
) -> Opening[AsyncHandle]:
    """Starts a service in a child process; `await` it, or enter it with `async with`.

    Args:
        name, maker, timeout, params: see `ipcm.service`.

    Raises:
        ServiceStartError: it did not become ready; with the traceback of its process.
        UsageError: called in a service. NameTaken, InvalidName, NoSuchBus, UnsupportedError.
    """
    return Opening(_service(name, maker, timeout, params))


async def _service(
    name: str, maker: Callable[..., ServiceRole], timeout: float | None, params: dict[str, Any]
) -> AsyncHandle:
    timeout = check_timeout(timeout)
    if forking_service() is not None:
        raise UsageError("a service starts others with ipcm.service(..., wait=False)")
    handle: Handle = start_service(name, maker, wait=False, timeout=timeout, **params)
    process = handle.process
    assert process is not None
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    try:
        while not (process.await_ready(0.0) or process.ended()):
            left = deadline - time.monotonic()
            if left <= 0:
                raise ServiceStartError(name, f"{name!r} was not ready in {timeout:g} s")
            await news_of(process, left)
        process.wait_ready(0.0)  # it is, or says why not
        return AsyncHandle(handle)
    except BaseException:
        handle.close(0.0)
        raise


async def news_of(process: ServiceProcess, timeout: float) -> None:
    """Waits until there is something to read of a process, `timeout` seconds at the most."""
    loop = asyncio.get_running_loop()
    news: asyncio.Future[None] = loop.create_future()
    fds = process.filenos()

    def told() -> None:
        if not news.done():
            news.set_result(None)

    for fd in fds:
        loop.add_reader(fd, told)
    try:
        # A descriptor has one reader: who waits beside another looks now and then.
        await asyncio.wait([news], timeout=min(timeout, _LOOK_AGAIN))
    finally:
        for fd in fds:
            loop.remove_reader(fd)
