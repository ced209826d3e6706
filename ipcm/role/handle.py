"""The outside view of a service (seed: IPC::Manager::Service::Handle)."""

from __future__ import annotations

import contextlib
import glob
import math
import os
import secrets
import time
from collections.abc import Iterator
from typing import Any, Final, Self

import msgspec

from ipcm._core.envelope import TERMINATE
from ipcm._core.observation import Snapshot
from ipcm._core.patience import check_seconds, check_timeout
from ipcm._core.requests import Callback
from ipcm._os import here
from ipcm.bus import AnyBus, Bus, find_bus, open_client
from ipcm.client import DEFAULT_TIMEOUT, Client
from ipcm.errors import (
    BusGone,
    IPCMError,
    NoSuchPeer,
    RequestTimeout,
    UnsupportedError,
    UsageError,
    WrongProcess,
)
from ipcm.message import Message, Response
from ipcm.observe.observer import Observer
from ipcm.observe.output import Output
from ipcm.role.asking import Asking
from ipcm.role.process import ServiceProcess
from ipcm.shown import Shown

__all__ = ["Handle", "attach"]

_SLICE: Final = 0.05


class Handle(Shown, Asking):
    """A service from outside, over a client of its own.

    One that started its service ends it, and the bus it spawned for it, at `close`; an attached
    one only disconnects.

    Args:
        service_name: the service. ipcm_info: its bus.
        name: the peer name of the handle's own client; made up where it is None.
        process: the service's process, where the handle started it.
        bus: a bus to end at `close`.
        read_only: the connection may look and nothing else.

    Attributes:
        service_name, ipcm_info, name: as above.
    """

    def __init__(
        self,
        service_name: str,
        ipcm_info: str,
        *,
        name: str | None = None,
        process: ServiceProcess | None = None,
        bus: Bus | None = None,
        read_only: bool = False,
    ) -> None:
        self.service_name = service_name
        self.ipcm_info = ipcm_info
        self.name = name or f"handle-{os.getpid()}-{secrets.token_hex(4)}"
        self._process = process
        self._owned_bus = bus
        self._read_only = read_only
        self._client: Client | None = None
        self._closed = False
        self._pid = os.getpid()

    def __repr__(self) -> str:
        return f"<Handle {self.name!r} of service {self.service_name!r}>"

    @property
    def client(self) -> Client:
        """The connection, made at the first use."""
        if self._pid != here.pid:
            self._check_process()
        if self._client is None:
            if self._closed:
                raise UsageError(f"the handle {self.name!r} is closed")
            self._client = open_client(self.name, self.ipcm_info, read_only=self._read_only)
        return self._client

    @property
    def bus(self) -> Bus:
        """The bus of the service; raises BusGone where it ended."""
        return self._owned_bus or find_bus(self.ipcm_info)

    @property
    def owned_bus(self) -> Bus | None:
        """The bus that `close` ends, where there is one."""
        return self._owned_bus

    @property
    def child_pid(self) -> int | None:
        """The pid that the first fork returned; None for an attached handle."""
        return None if self._process is None else self._process.child_pid

    @property
    def service_pid(self) -> int | None:
        """The service's own process; None where it is not there."""
        if self._process is not None and self._process.service_pid is not None:
            return self._process.service_pid
        return self.client.peer_pid(self.service_name)

    def _check_process(self) -> None:
        if self._pid != here.pid:
            raise WrongProcess(f"the handle {self.name!r}", self._pid, here.pid)

    def ready(self, timeout: float | None = 0.0) -> bool:
        """Whether the service is there and ready.

        Args:
            timeout: seconds to wait for it; None for ever. It ends at once where the service that
                this handle started has ended: `wait` tells why.
        """
        timeout = check_timeout(timeout)
        client, process = self.client, self._process
        if process is not None and timeout != 0:
            began = time.monotonic()
            if not process.await_ready(timeout) or process.ended():
                return False
            if timeout is not None:
                timeout = max(timeout - (time.monotonic() - began), 0.0)
        return client.peer_active(self.service_name, timeout)

    # Asking

    def request(self, payload: Any, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """Asks the service and waits; see `Client.request`."""
        # A property takes a twentieth of the time; once there is a client, it has the same door.
        client = self._client or self.client
        return client.request(self.service_name, payload, timeout)

    def sync_request(
        self, peer: str, payload: Any, timeout: float | None = DEFAULT_TIMEOUT
    ) -> Response:
        """Asks any peer and waits.

        Returns:
            The response, also where the peer answered with an error.

        Raises:
            RequestTimeout, PeerGone, NoSuchPeer: no answer came.
        """
        client = self.client
        return client.await_response(client.send_request(peer, payload, timeout=timeout))

    def send_request(
        self,
        peer: str,
        payload: Any,
        callback: Callback | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
    ) -> int:
        """Asks any peer without waiting; see `Client.send_request`."""
        client = self._client or self.client
        return client.send_request(peer, payload, callback, timeout=timeout)

    def get_response(self, id: int) -> Response | None:
        """The response of a request without callback, once it is there."""
        return self.client.get_response(id)

    def await_response(self, id: int, timeout: float | None = None) -> Response:
        """Waits for the response of a request; see `Client.await_response`."""
        return (self._client or self.client).await_response(id, timeout)

    def await_all_responses(self, timeout: float | None = None) -> None:
        """Waits until no request is open; their callbacks have been called then.

        Raises:
            RequestTimeout: one still is, after `timeout` seconds.
        """
        timeout = check_timeout(timeout)
        if not self.client.await_settled(timeout):
            raise RequestTimeout(self.service_name, timeout or 0.0, "not all requests have ended")

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Takes in what came, and calls callbacks; waits at most `timeout` seconds for it.

        Returns:
            Whether messages wait for `messages`.
        """
        return self.client.poll(timeout)

    def messages(self) -> list[Message]:
        """Takes what came in and is no response."""
        return self.client.get_messages()

    @contextlib.contextmanager
    def batch(self) -> Iterator[Self]:
        """What is sent in the block leaves in as few writes as possible, at its end."""
        with self.client.batch():
            yield self

    # Looking

    def describe(self, timeout: float = 1.0) -> Any:
        """What the service offers: class, docstring, endpoints with their schemas."""
        return self.client.control(self.service_name, "describe", timeout)

    def snapshot(self, timeout: float = 1.0) -> Snapshot:
        """The service at this moment; raises RequestTimeout where it is busy."""
        plain = self.client.control(self.service_name, "snapshot", timeout)
        return msgspec.convert(plain, Snapshot)

    def observe(self, **options: Any) -> Observer:
        """Watches this service, and the bus as far as it concerns it; see `Bus.observe`."""
        return self.bus.observe(glob.escape(self.service_name), **options)

    def output(self) -> Output:
        """What the service writes to its file on the bus; see `Bus.output`."""
        return self.bus.output(self.service_name)

    # Ending

    def terminate(self, value: Any = 0) -> None:
        """Asks the service to end with this value; returns at once. Fine on a dead one.

        Raises:
            UnsupportedError: the handle is read-only; the service would not heed it, nor say so.
        """
        if self._closed:
            return
        self._check_process()
        if self._read_only:
            raise UnsupportedError(f"the handle {self.name!r} is read-only and cannot terminate")
        with contextlib.suppress(NoSuchPeer, BusGone):
            if self._process is not None:
                # Its name may be another's: of the next one, or of one that was there before.
                pid = self.client.peer_pid(self.service_name)
                if pid is None or self._process.ended() or not self._process.may_be(pid):
                    return
            self.client.respond(self.service_name, TERMINATE, 0, value, None)

    def wait(self, timeout: float | None = None) -> Any:
        """Waits for the end of the service that this handle started.

        Returns:
            Its termination value.

        Raises:
            ServiceDied: it ended by an exception, a signal or os._exit; with its traceback.
            RequestTimeout: it still runs after `timeout` seconds.
            WrongProcess: in another process than the one that started it.
            UnsupportedError: the handle is attached: the exit of somebody else's child is
                not to be had.
        """
        timeout = check_timeout(timeout)
        self._check_process()
        process, client = self._process, self._client
        if process is None:
            raise UnsupportedError("only the handle that started a service knows how it ended")
        if client is not None and self.service_name in client.port.backlog():
            began = time.monotonic()
            self._hand_over(client, process, timeout)
            if timeout is not None:
                timeout = max(timeout - (time.monotonic() - began), 0.0)
        return process.wait(timeout)

    def _hand_over(self, client: Client, process: ServiceProcess, timeout: float | None) -> None:
        """A large word, of its end maybe, is still on its way to the service."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while time.monotonic() < deadline and not process.ended():
            client.flush(_SLICE)
            if self.service_name not in client.port.backlog():
                return

    @property
    def process(self) -> ServiceProcess | None:
        """The service's process, where this handle started it."""
        return self._process

    def ended(self) -> bool:
        """Whether the service that this handle started has ended; never waits."""
        return self._process is not None and self._process.ended()

    def detach(self) -> None:
        """Lets the service live on, and the bus spawned for it; raises BusGone."""
        process, self._process = self._process, None
        if process is not None:
            process.close()
        bus, self._owned_bus = self._owned_bus, None
        if bus is not None:
            bus.detach()

    def close(self, grace: float = 5.0) -> None:
        """Disconnects; ends the service (terminate, TERM, KILL) and the bus if they are its own.

        Repeatable, also after an interrupt of its wait, and fine on a dead service.

        Args:
            grace: seconds for the service to end by itself.
        """
        grace = check_seconds(grace, "grace")
        if self._pid != os.getpid() or self._closed:
            return
        try:
            if self._process is not None and self._owned_bus is None:
                with contextlib.suppress(IPCMError, OSError):
                    self.terminate()
            if self._client is not None:
                self._client.disconnect()
        except Exception:  # of a callback: that is no reason to end nothing
            self._end(grace)
            raise
        self._end(grace)

    def _end(self, grace: float) -> None:
        self._client = None
        if self._owned_bus is not None:
            self._owned_bus.shutdown(grace)
        if self._process is not None:
            self._process.end(grace)
        # Only now: what an interrupt leaves, wherever it comes, is ended by the next call.
        self._closed, self._owned_bus = True, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def attach(service: str, bus: AnyBus | None = None, *, read_only: bool = False) -> Handle:
    """Attaches to a running service; the handle ends nothing when it closes.

    Args:
        service: its name. bus: a Bus, info string or name; None for the only live one.

    Raises:
        NoSuchPeer: with the names of those who are there. NoSuchBus, ManyBuses, BusGone.
    """
    found = find_bus(bus)
    present = found.presence()
    if not any(peer.name == service and peer.kind != "observer" for peer in present):
        raise NoSuchPeer(service, (peer.name for peer in present if peer.kind != "observer"))
    return Handle(service, found.info, read_only=read_only)
