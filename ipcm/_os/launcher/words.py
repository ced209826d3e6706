"""What goes over the launcher's line, a SOCK_SEQPACKET pair: one word a packet.

Descriptors travel beside a word (SCM_RIGHTS, unix(7)). Answers take another way: each launched
process has a pipe of its own to its starter, which begins with a `Birth` and, as long as the
launcher lives, ends with an exit.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import ClassVar, Final, Self

import msgspec

from ipcm._os.process import ProcessIdentity

__all__ = ["Abandon", "Birth", "Launch", "Leave", "Word", "encode_exit", "receive", "send"]

_LARGEST: Final = 64 << 10
_MOST_DESCRIPTORS: Final = 16


class Launch(msgspec.Struct, tag=True):
    """Fork, and call a function in the child.

    With it come the write end of the child's pipe, an anonymous file with the surroundings that
    the child puts on, and the descriptors of the function.

    Attributes:
        id: of this launch, for `Abandon`.
        entry, arguments: `module:function`, called with the arguments and the descriptors.
        keep: whether the process may outlive the starter.
        given: how many descriptors come with this.
        hold: signals that wait until it calls `release_signals`.
    """

    id: int
    entry: str
    arguments: list[str]
    keep: bool
    given: int
    hold: list[int] = []


class Abandon(msgspec.Struct, tag=True):
    """Nobody waits for this launch any more: kill it."""

    id: int


class Leave(msgspec.Struct, tag=True):
    """End; those who were launched live on, and how they exit is not told."""


Word = Launch | Abandon | Leave

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Word).decode


def send(line: socket.socket, word: Word, descriptors: Sequence[int] = ()) -> None:
    """Sends one word; raises OSError where nobody is at the other end."""
    socket.send_fds(line, [_encode(word)], descriptors, socket.MSG_NOSIGNAL)


def receive(line: socket.socket) -> tuple[Word, list[int]] | None:
    """Takes one word and its descriptors; None at the end of the line."""
    flags = socket.MSG_CMSG_CLOEXEC
    data, descriptors, _, _ = socket.recv_fds(line, _LARGEST, _MOST_DESCRIPTORS, flags)
    return (_decode(data), descriptors) if data else None


class Birth(msgspec.Struct, frozen=True):
    """The first thing in the pipe: who was born, or why nobody.

    Attributes: errno: of the fork that failed, else 0.
    """

    pid: int = 0
    start: int = 0
    errno: int = 0

    SIZE: ClassVar = 36

    def write(self, fd: int) -> None:
        """Writes it, in one piece whatever is written after it."""
        os.write(fd, b"%010d %020d %03d\n" % (self.pid, self.start, self.errno))

    @classmethod
    def read(cls, fd: int) -> Self | None:
        """Reads it, and nothing of what comes after it; None where there never will be one."""
        text = os.read(fd, cls.SIZE)
        return cls(*map(int, text.split())) if text else None

    def identity(self) -> ProcessIdentity:
        """The process that was born."""
        return ProcessIdentity(self.pid, self.start)


def encode_exit(exit: int) -> bytes:
    """The last line in the pipe: how the process ended (code, or -signal).

    An empty one before it: the process may have died in the middle of a line of its own.
    """
    return b"\n" + msgspec.json.encode({"exit": exit}) + b"\n"
