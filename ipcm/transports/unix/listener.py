"""Accepting connections, without spinning when there are no descriptors left."""

from __future__ import annotations

import contextlib
import math
import os
import select
import socket
import time
from collections.abc import Iterator
from typing import Final

from ipcm.transports.unix.link import peer_credentials

__all__ = ["Listener"]

_REST: Final = 0.05


class Listener:
    """A listening socket in an epoll.

    Attributes:
        resume_at: when `resume` is due (monotonic seconds); infinity while nothing is wrong.
    """

    def __init__(self, sock: socket.socket, epoll: select.epoll) -> None:
        self.fd = sock.fileno()
        self.resume_at = math.inf
        self._sock = sock
        self._epoll = epoll
        epoll.register(self.fd, select.EPOLLIN)

    def accept(self) -> Iterator[tuple[socket.socket, int]]:
        """What waits to be accepted, from this user: sockets with the pids that dialled."""
        while True:
            try:
                sock, _ = self._sock.accept()
            except BlockingIOError:
                return
            except OSError:
                # Out of descriptors. The connection waits in the queue and its sender notices
                # nothing; without this pause the readable listener would keep us spinning.
                if self.resume_at == math.inf:
                    self._epoll.unregister(self.fd)
                self.resume_at = time.monotonic() + _REST
                return
            sock.setblocking(False)
            pid, uid = peer_credentials(sock)
            if uid == os.geteuid():
                yield sock, pid
            else:
                sock.close()

    def resume(self, now: float) -> None:
        """Listens again where a pause is over."""
        if self.resume_at <= now:
            self.resume_at = math.inf
            self._epoll.register(self.fd, select.EPOLLIN)

    def close(self, path: str | None = None) -> None:
        """Stops listening, and removes the socket's file where it is named."""
        self._sock.close()
        if path is not None:
            with contextlib.suppress(OSError):
                os.unlink(path)
