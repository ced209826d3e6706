"""The asyncio twin of `ipcm.Handle`."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import msgspec

from ipcm._core.observation import Snapshot
from ipcm._core.patience import check_seconds, check_timeout
from ipcm._core.requests import Callback
from ipcm._os import here
from ipcm.aio.client import AsyncClient
from ipcm.aio.observer import AsyncObserver, observe
from ipcm.aio.opening import Opening
from ipcm.aio.process import Ending, Watched
from ipcm.bus import AnyBus, Bus
from ipcm.client import DEFAULT_TIMEOUT
from ipcm.errors import IPCMError, RemoteError, RequestTimeout, ServiceStartError, UsageError
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
        self._watched = None if handle.process is None else Watched(handle.process)
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
        process = self._handle.process
        if process is not None and process.service_pid is not None:
            return process.service_pid
        with self.client._entered() as client:  # it takes in what has come, for whoever waits
            return client.peer_pid(self.service_name)

    async def ready(self, timeout: float | None = 0.0) -> bool:
        """Whether the service is there and ready; see `Handle.ready`."""
        timeout = check_timeout(timeout)
        if timeout != 0 and self._watched is not None:
            deadline = time.monotonic() + (math.inf if timeout is None else timeout)
            began = await self._watched.until(_has_begun, deadline - time.monotonic())
            if not began or self.ended():
                return False
            if timeout is not None:
                timeout = max(deadline - time.monotonic(), 0.0)
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
        response = await self.client._ask(peer, payload, timeout)
        try:
            if response.exception is not None and not isinstance(response.exception, RemoteError):
                raise response.exception
            return response
        finally:
            del response  # what is raised knows this frame, and would be kept by it

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
        with self.client._entered() as client:
            client.poll(0.0)
        if not await self.client._until(lambda: client.settled, timeout, passing=True):
            raise RequestTimeout(self.service_name, timeout or 0.0, "not all requests have ended")

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
        return observe(self.ipcm_info, glob.escape(self.service_name), **options)

    def output(self) -> Output:
        """What the service writes to its file on the bus; see `Bus.output`.

        It never waits but in its `follow`, which has a twin: `ipcm.aio.follow`.
        """
        return self._handle.output()

    # Ending

    async def terminate(self, value: Any = 0) -> None:
        """Asks the service to end with this value; returns at once. Fine on a dead one."""
        with self.client._entered(), self._quiet():
            self._handle.terminate(value)

    async def wait(self, timeout: float | None = None) -> Any:
        """Waits for the end of the service that this handle started; see `Handle.wait`."""
        timeout = check_timeout(timeout)
        self.client._check_loop()
        watched = self._watched
        if watched is not None and not await watched.until(
            ServiceProcess.ended, math.inf if timeout is None else timeout
        ):
            what = f"{self.service_name!r} has not ended"
            raise RequestTimeout(self.service_name, timeout or 0.0, what)
        with self._quiet():
            return self._handle.wait(0.0)

    def ended(self) -> bool:
        """Whether the service that this handle started has ended; never waits."""
        with self._quiet():
            return self._handle.ended()

    async def detach(self) -> None:
        """Lets the service live on, and the bus spawned for it; raises BusGone."""
        with self.client._entered(), self._quiet():
            self._watched = None
            self._handle.detach()

    async def close(self, grace: float = 5.0) -> None:
        """Disconnects; ends the service and the bus if they are its own; see `Handle.close`.

        The loop goes on meanwhile. Cancelled, it has them end all the same, in the time that they
        have, and is cancelled then; cancelled once more, it kills them.

        Args:
            grace: seconds for them to end by themselves.
        """
        grace = check_seconds(grace, "grace")
        if here.pid != self.client.pid:
            return self._handle.close()  # of the other process: nothing is done
        deadline = time.monotonic() + grace
        alive = self.client._check_may_close()
        try:
            if self._watched is not None:
                await self._end(self._watched, grace, alive)
        except BaseException:
            deadline = 0.0
            if self._watched is not None:
                with self._watched.quiet() as process:
                    process.end(0.0)
            raise
        finally:
            try:
                # The loop must not wait for a descriptor that is closed.
                await self.client.disconnect()
            finally:
                with self._quiet():
                    self._handle.close(max(deadline - time.monotonic(), 0.0))

    async def _end(self, watched: Watched, grace: float, alive: bool) -> None:
        """Ends the service, and the others on its bus where that is to end, too."""
        bus, deadline = self._handle.owned_bus, time.monotonic() + grace
        ending = Ending(watched, grace)
        with contextlib.suppress(IPCMError, OSError), self._quiet():
            if bus is not None:
                bus.terminate()
            else:
                self._handle.terminate()
                if alive:
                    self.client._settle()
        try:
            await ending.go_on()
            await self._others_end(bus, deadline)
        except asyncio.CancelledError:
            await ending.go_on()
            await self._others_end(bus, deadline)
            raise

    async def _others_end(self, bus: Bus | None, deadline: float) -> None:
        client = self.client
        if bus is None or client.disconnected:
            return
        with contextlib.suppress(IPCMError):
            with client._entered():
                port = client._sync.port
                port.subscribe()
            await client._until(
                lambda: not any(peer.kind == "service" for peer in port.peers()),
                max(deadline - time.monotonic(), 0.0),
            )

    def _quiet(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext() if self._watched is None else self._watched.quiet()

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
    return Opening(_attach(service, bus, read_only), AsyncHandle.close)


async def _attach(service: str, bus: AnyBus | None, read_only: bool) -> AsyncHandle:
    return AsyncHandle(attach_handle(service, bus, read_only=read_only))


def service(
    name: str,
    maker: Callable[..., ServiceRole] = Service,
    *,
    wait: bool = True,
    timeout: float | None = 30.0,
    **params: Any,
) -> Opening[AsyncHandle]:
    """Starts a service in a child process; `await` it, or enter it with `async with`.

    Args:
        name, maker, wait, timeout, params: see `ipcm.service`.

    Raises:
        ServiceStartError: it did not become ready; with the traceback of its process.
        UsageError: called in a service. NameTaken, InvalidName, NoSuchBus, UnsupportedError.
    """
    return Opening(_service(name, maker, wait, timeout, params), AsyncHandle.close)


async def _service(
    name: str,
    maker: Callable[..., ServiceRole],
    wait: bool,
    timeout: float | None,
    params: dict[str, Any],
) -> AsyncHandle:
    timeout = check_timeout(timeout)
    if forking_service() is not None:
        raise UsageError("a service starts others with ipcm.service(..., wait=False)")
    handle: Handle = start_service(name, maker, wait=False, timeout=timeout, **params)
    process = handle.process
    assert process is not None
    try:
        if not wait:
            return AsyncHandle(handle)
        watched = Watched(process)
        if not await watched.until(_has_begun, math.inf if timeout is None else timeout):
            raise ServiceStartError(name, f"{name!r} was not ready in {timeout:g} s")
        with watched.quiet():
            process.wait_ready(0.0)  # it is, or says why not
        return AsyncHandle(handle)
    except BaseException:
        handle.close(0.0)
        raise


def _has_begun(process: ServiceProcess) -> bool:
    return process.await_ready(0.0) or process.ended()
