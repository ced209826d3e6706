"""A peer's connection to the registrar."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec

from ipcm._core.framing import HEADER, FrameReader
from ipcm._core.outbox import Outbox
from ipcm._core.patience import milliseconds
from ipcm._core.presence import Answer, Ended, Found, FromPeer, FromRegistrar, Listing
from ipcm._os.memory import scratch
from ipcm.errors import BusGone
from ipcm.transports.unix.route import Route

__all__ = ["PresenceLink", "encode_word", "reach"]

PATIENCE = 5.0
"""Seconds that the registrar has to answer; it never does anything that takes long."""

_LISTING: Final = 1 << 30  # everybody's names, however long: the registrar is believed
_NEXT: Final = 1.0
_RETRY: Final = 0.01

W = TypeVar("W", Answer, Found, Listing)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FromRegistrar).decode


def encode_word(word: FromPeer | FromRegistrar) -> bytes:
    """One word as a frame."""
    body = _encode(word)
    return HEADER.pack(len(body)) + body


class PresenceLink:
    """Asks the registrar, and keeps what it pushes in between.

    Attributes:
        pushed: words that answer nothing we asked, in order; whoever reads them clears them.
        lost: the connection is gone; `ended`: it went in good order, with the bus.

    Raises:
        BusGone: nobody answers there.
    """

    def __init__(self, route: Route) -> None:
        self.pushed: list[FromRegistrar] = []
        self.lost = False
        self.ended = False
        self._seq = 0
        self._reader = FrameReader(scratch(64 << 10), _LISTING)
        self._outbox = Outbox()
        self._answers: dict[int, Any] = {}
        self._unawaited: set[int] = set()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self.sock.connect(route.address("r"))
        except BaseException as error:
            self.sock.close()
            if isinstance(error, OSError):
                text = f"the bus at {route.path} does not answer: {error.strerror}"
                raise BusGone(text + route.last_words()) from None
            raise

    def fileno(self) -> int:
        """The descriptor; -1 once closed."""
        return self.sock.fileno()

    def next_seq(self) -> int:
        """A number for a question."""
        self._seq += 1
        return self._seq

    def tell(self, word: FromPeer, *, pushed: bool = False) -> None:
        """Sends a word that needs no answer, or whose answer comes as one of the pushed words."""
        if pushed:
            self._unawaited.add(word.seq)  # type: ignore[union-attr]  # questions have one
        self._outbox.put(encode_word(word))
        self._write()

    def ask(self, word: FromPeer, answer: type[W], patience: float = PATIENCE) -> W:
        """Sends a question and waits for its answer.

        Raises:
            BusGone: none came in `patience` seconds, or the connection ended.
        """
        self.tell(word)
        seq: int = word.seq  # type: ignore[union-attr]  # questions have one
        deadline = time.monotonic() + patience
        while seq not in self._answers:
            left = deadline - time.monotonic()
            if self.lost or left <= 0 or not self._wait(left):
                raise BusGone("the registrar of the bus does not answer")
            self.read()
        found = self._answers.pop(seq)
        self._answers.clear()  # of those that came when nobody waited any more
        assert isinstance(found, answer)
        return found

    def read(self) -> None:
        """Takes what is there; never waits."""
        self._write()
        while not self.lost:
            try:
                size = self.sock.recv_into(self._reader.target)
            except BlockingIOError:
                return
            except (ConnectionResetError, BrokenPipeError):
                size = 0
            if not size:
                self.lost = True
                return
            for word in self._words(size):
                seq = getattr(word, "seq", 0)
                if seq in self._unawaited:
                    self._unawaited.discard(seq)
                    self.pushed.append(word)
                elif seq:
                    self._answers[seq] = word
                else:
                    self.pushed.append(word)
                    self.ended = self.ended or isinstance(word, Ended)

    def wait_end(self, timeout: float | None) -> bool:
        """Waits until the registrar hangs up; False where the time-out came first."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.lost:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._wait(left)
            self.read()
            self.pushed.clear()
        return True

    def close(self) -> None:
        """Hangs up; to the registrar that is leaving."""
        self.sock.close()

    def _words(self, size: int) -> Iterator[FromRegistrar]:
        for frame in self._reader.fed(size):
            yield _decode(frame)

    def _wait(self, timeout: float | None) -> bool:
        poll = select.poll()
        events = select.POLLIN | (select.POLLOUT if self._outbox.bytes else 0)
        poll.register(self.sock.fileno(), events)
        return bool(poll.poll(milliseconds(timeout)))

    def _write(self) -> None:
        while self._outbox.bytes and not self.lost:
            try:
                self._outbox.taken(self.sock.sendmsg(self._outbox.head()))
            except BlockingIOError:
                return
            except (ConnectionResetError, BrokenPipeError):
                # What it said before it hung up still has to be read.
                return


def reach(route: Route, besides: str = "") -> PresenceLink:
    """Connects to the registrar; where that has died, and peers live, waits for the next one.

    Args:
        besides: the socket of a peer that does not count, the caller's.

    Raises:
        BusGone: nobody answers there, and none comes within a second.
    """
    deadline = time.monotonic() + _NEXT
    while True:
        try:
            return PresenceLink(route)
        except BusGone:
            if time.monotonic() >= deadline or not route.anybody(besides):
                raise
        select.poll().poll(_RETRY * 1000)
