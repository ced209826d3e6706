"""One peer's line to the registrar, seen from there."""

from __future__ import annotations

import socket
import time

from ipcm._core.framing import FrameReader
from ipcm._core.outbox import Outbox
from ipcm.transports.base import Limits
from ipcm.transports.unix.hello import HELLO_LIMIT

__all__ = ["Line"]


class Line:
    """What it sent in part, what it has not taken, and its process.

    Attributes:
        pidfd: of its process, once it has registered; else -1.
        thread: the one of its process that has registered.
        stale: news were left out, because too much waits. ending: so was that it is to end.
        unread: answers that wait.
        deadline: by when it has to say something; infinity once it has.
    """

    def __init__(self, sock: socket.socket, scratch: memoryview, pid: int) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.reader = FrameReader(scratch, HELLO_LIMIT)
        self.outbox = Outbox()
        self.pid = pid
        self.thread = 0
        self.pidfd = -1
        self.stale = False
        self.ending = False
        self.unread = 0
        self.deadline = time.monotonic() + Limits().hello
