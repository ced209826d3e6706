"""One stream connection to a peer, either way."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Final

from ipcm._core.framing import BadLength, Frame, FrameReader
from ipcm._core.outbox import Outbox

__all__ = ["Link", "peer_credentials"]

_WIDE: Final = 1 << 20
_CREDENTIALS: Final = struct.Struct("3i")


class Link:
    """A connection. A dialled one is named from the start, an accepted one by its hello.

    Attributes:
        name, incarnation: of the peer; "" until the hello.
        read_only: the peer may only look.
        pid: of the process at the other end, as the kernel says (SO_PEERCRED, unix(7)).
        deadline: monotonic seconds by which the hello must have come; 0 afterwards.
    """

    __slots__ = (
        "deadline",
        "dirty",
        "fd",
        "incarnation",
        "name",
        "outbox",
        "pid",
        "read_only",
        "reader",
        "sock",
        "watched",
    )

    def __init__(
        self, sock: socket.socket, scratch: memoryview, limit: int, first: int | None = None
    ) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.reader = FrameReader(scratch, limit, first)
        self.outbox = Outbox()
        self.name = ""
        self.incarnation = ""
        self.read_only = False
        self.pid = 0
        self.deadline = 0.0
        self.dirty = False
        self.watched = 0

    def read(self) -> list[Frame] | None:
        """Reads once: the frames that are complete, [] for a part, None at the end.

        Raises:
            BlockingIOError: nothing is there.
            ProtocolError: these bytes are no frames.
        """
        try:
            size = self.sock.recv_into(self.reader.target)
        except (ConnectionResetError, BrokenPipeError):
            return None
        try:
            return self.reader.fed(size) if size else None
        except BadLength as bad:
            if not bad.frames:
                raise
            # What came before it counts. The next read finds the end, and is due at once.
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
            return bad.frames

    def widen(self) -> None:
        """Lets the kernel take as much more as it may (SO_SNDBUF, socket(7)), twice at least."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WIDE)

    def write(self) -> bool:
        """Hands the kernel what it takes of the outbox; False where the other end is gone."""
        outbox = self.outbox
        while outbox.bytes:
            try:
                outbox.taken(self.sock.sendmsg(outbox.head()))
            except BlockingIOError:
                return True
            except (ConnectionResetError, BrokenPipeError):
                return False
        return True


def peer_credentials(sock: socket.socket) -> tuple[int, int]:
    """The pid and uid of the process that connected (SO_PEERCRED, unix(7))."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _gid = _CREDENTIALS.unpack(raw)
    return pid, uid
