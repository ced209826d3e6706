"""Systems that echo requests, each with its server in a process of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from signal import SIGKILL
from typing import Any, Final, Protocol

import msgspec

from ipcm._os.fork import fork
from ipcm.bus import Bus
from ipcm.role.echo import EchoService
from ipcm.role.launch import service

__all__ = ["Ipcm", "MultiprocessingConnection", "RawSocket", "Subject"]

_LENGTH: Final = struct.Struct("!I")
_BLOCKS: Final = 4


class Subject(Protocol):
    """A client and its echo server.

    Attributes:
        name: as it is shown. pid: of the server.
    """

    name: str
    pid: int

    def request(self, payload: Any) -> Any:
        """One round trip."""

    def pipeline(self, payload: Any, count: int, window: int) -> None:
        """`count` requests, at most `window` of them outstanding."""

    def close(self) -> None:
        """Ends the server."""


class RawSocket:
    """The floor: a blocking stream socket, a length before each message, msgspec."""

    name = "raw socket"

    def __init__(self) -> None:
        self._near, far = socket.socketpair()
        self.pid = _serve(lambda: self._echo(far), far, self._near)

    @staticmethod
    def _echo(sock: socket.socket) -> None:
        while (body := _receive(sock)) is not None:
            _send(sock, msgspec.msgpack.decode(body))

    def request(self, payload: Any) -> Any:
        """See `Subject`."""
        _send(self._near, payload)
        body = _receive(self._near)
        assert body is not None  # the server ends with this end of the socket
        return msgspec.msgpack.decode(body)

    def pipeline(self, payload: Any, count: int, window: int) -> None:
        """See `Subject`; it has one request at a time."""
        del window
        for _ in range(count):
            self.request(payload)

    def close(self) -> None:
        """See `Subject`."""
        self._near.close()
        _end(self.pid)


def _send(sock: socket.socket, payload: Any) -> None:
    body = msgspec.msgpack.encode(payload)
    sock.sendall(_LENGTH.pack(len(body)) + body)


def _receive(sock: socket.socket) -> bytes | memoryview | None:
    head = sock.recv(65536)
    if not head:
        return None
    (length,) = _LENGTH.unpack_from(head)
    if len(head) == length + _LENGTH.size:
        return memoryview(head)[_LENGTH.size :]
    body = bytearray(length)
    view = memoryview(body)
    filled = len(head) - _LENGTH.size
    view[:filled] = head[_LENGTH.size :]
    while filled < length:
        filled += sock.recv_into(view[filled:])
    return view


class MultiprocessingConnection:
    """`multiprocessing.Pipe()`: pickle over a socket pair, both ends blocking."""

    name = "mp.Connection"

    def __init__(self) -> None:
        self._near, far = Pipe()
        self.pid = _serve(lambda: self._echo(far), far, self._near)

    @staticmethod
    def _echo(connection: Connection) -> None:
        while True:
            connection.send(connection.recv())

    def request(self, payload: Any) -> Any:
        """See `Subject`."""
        self._near.send(payload)
        return self._near.recv()

    def pipeline(self, payload: Any, count: int, window: int) -> None:
        """See `Subject`."""
        near = self._near
        outstanding = 0
        for _ in range(count):
            near.send(payload)
            outstanding += 1
            if outstanding >= window:
                near.recv()
                outstanding -= 1
        for _ in range(outstanding):
            near.recv()

    def close(self) -> None:
        """See `Subject`."""
        self._near.close()
        _end(self.pid)


class _Echo(EchoService):
    """Answers what it is asked.

    Args:
        spin: whether it may look again before it sleeps; see `Port`.
    """

    def __init__(self, *args: Any, spin: bool = True, **params: Any) -> None:
        super().__init__(*args, **params)
        self._spin = spin

    def run_on_start(self) -> None:
        if not self._spin:
            self.client().port.spin = 0.0


class Ipcm:
    """The whole stack: a Handle, and a service that echoes.

    Args:
        bus: where; the handle's own where it is left out.
        spin: whether both sides may look again before they sleep.
        batch: requests of a pipeline leave in blocks.
    """

    def __init__(self, bus: Bus | None = None, *, spin: bool = True, batch: bool = False) -> None:
        self.name = "ipcm" + ("" if spin else ", no spinning") + (", batch()" if batch else "")
        self._batch = batch
        name = f"echo-{os.urandom(3).hex()}"
        self.handle = service(name, _Echo, bus=bus, start="fork", spin=spin)
        if not spin:
            self.handle.client.port.spin = 0.0
        self.pid = self.handle.service_pid
        self._name = name

    def request(self, payload: Any) -> Any:
        """See `Subject`."""
        return self.handle.request(payload)

    def pipeline(self, payload: Any, count: int, window: int) -> None:
        """See `Subject`."""
        handle, name = self.handle, self._name
        if self._batch:
            self._pipeline_in_blocks(payload, count, window)
            return
        ids: deque[int] = deque()
        for _ in range(count):
            ids.append(handle.send_request(name, payload))
            if len(ids) >= window:
                handle.await_response(ids.popleft())
        for id in ids:
            handle.await_response(id)

    def _pipeline_in_blocks(self, payload: Any, count: int, window: int) -> None:
        handle, name = self.handle, self._name
        # Several blocks are on their way, so that neither side waits for the other.
        blocks: deque[list[int]] = deque()
        while count > 0 or blocks:
            while count > 0 and len(blocks) < _BLOCKS:
                block = min(count, max(window // _BLOCKS, 1))
                with handle.batch():
                    blocks.append([handle.send_request(name, payload) for _ in range(block)])
                count -= block
            for id in blocks.popleft():
                handle.await_response(id)

    def close(self) -> None:
        """See `Subject`."""
        self.handle.close()


def _serve(echo: Callable[[], None], far: Any, near: Any) -> int:
    def child() -> int:
        near.close()
        # An interrupted client leaves in the middle of an answer.
        with contextlib.suppress(EOFError, ConnectionError):
            echo()
        return 0

    pid = fork(child)
    far.close()
    return pid


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, SIGKILL)
        os.waitpid(pid, 0)
