"""pyzmq's DEALER and ROUTER over ipc, with msgspec: what a careful user builds by hand."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from signal import SIGKILL
from typing import Any

import msgspec

from ipcm._os.fork import fork

__all__ = ["ZeroMQ"]


class ZeroMQ:
    """See `ipcm.console.bench.subjects.Subject`."""

    name = "pyzmq"

    def __init__(self) -> None:
        import zmq

        self._folder = tempfile.TemporaryDirectory(prefix="ipcm-zmq-")
        address = f"ipc://{self._folder.name}/echo"
        # Forked before there is a context: it has threads.
        self.pid = fork(lambda: _echo(address))
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.connect(address)
        self._encode: Callable[[Any], bytes] = msgspec.msgpack.encode
        self._decode: Callable[[bytes], Any] = msgspec.msgpack.decode

    def request(self, payload: Any) -> Any:
        """One round trip."""
        self._socket.send(self._encode(payload))
        return self._decode(self._socket.recv())

    def pipeline(self, payload: Any, count: int, window: int) -> None:
        """`count` requests, at most `window` of them outstanding."""
        socket, encode, decode = self._socket, self._encode, self._decode
        outstanding = 0
        for _ in range(count):
            socket.send(encode(payload))
            outstanding += 1
            if outstanding >= window:
                decode(socket.recv())
                outstanding -= 1
        for _ in range(outstanding):
            decode(socket.recv())

    def close(self) -> None:
        """Ends the server."""
        self._socket.close(0)
        self._context.term()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, SIGKILL)
            os.waitpid(self.pid, 0)
        self._folder.cleanup()


def _echo(address: str) -> None:
    import zmq

    socket = zmq.Context().socket(zmq.ROUTER)
    socket.bind(address)
    while True:
        *route, body = socket.recv_multipart()
        socket.send_multipart([*route, msgspec.msgpack.encode(msgspec.msgpack.decode(body))])
