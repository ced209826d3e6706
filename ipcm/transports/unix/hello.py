"""The first frame of a connection: who dials, and the proof of it."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from ipcm._core.framing import HEADER, Frame
from ipcm._core.presence import Hello, make_token
from ipcm.errors import ProtocolError
from ipcm.transports.unix.link import Link

__all__ = ["HELLO_LIMIT", "Introduction"]

VERSION: Final = 1
HELLO_LIMIT: Final = 64 << 10
"""Bytes: room for the longest name, and for no more."""

_decode = msgspec.msgpack.Decoder(Hello).decode


class Introduction:
    """Makes this peer's hello, and checks those of others.

    Args:
        key: the bus's. name, incarnation: this peer's. read_only: it may only look.
    """

    def __init__(self, key: bytes, name: str, incarnation: str, read_only: bool) -> None:
        self._key = key
        self.read_only = read_only
        token = make_token(key, name, incarnation, os.getpid())
        body = msgspec.msgpack.encode(Hello(VERSION, name, incarnation, token, read_only))
        self.frame = HEADER.pack(len(body)) + body

    def check(self, link: Link, frame: Frame) -> None:
        """Names an accepted link by its hello.

        Raises:
            ProtocolError: no hello, or one of a process that is not that peer.
        """
        try:
            hello = _decode(frame)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            raise ProtocolError("not a hello") from None
        token = make_token(self._key, hello.name, hello.incarnation, link.pid)
        if hello.version != VERSION or hello.token != token:
            raise ProtocolError(f"a hello that does not hold, from process {link.pid}")
        link.name = hello.name
        link.incarnation = hello.incarnation
        link.read_only = hello.read_only
        link.deadline = 0.0
