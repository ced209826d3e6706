"""Who a connection is from: what its hello has to be, without a socket."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ipcm._core.framing import HEADER
from ipcm._core.presence import Hello, make_token
from ipcm.errors import ProtocolError
from ipcm.transports.unix.hello import VERSION, Introduction

KEY, LIFE = b"k" * 32, "1" * 32
OWN = Introduction(KEY, "me", LIFE, False)


def accepted(frame: bytes, pid: int = os.getpid()) -> Any:
    """A link that this was the first frame of."""
    link: Any = SimpleNamespace(pid=pid, name="", incarnation="", read_only=False, deadline=5.0)
    OWN.check(link, frame)
    return link


@pytest.mark.parametrize("read_only", [True, False])
def test_a_link_is_named_by_it(read_only: bool) -> None:
    link = accepted(Introduction(KEY, "peer", LIFE, read_only).frame[HEADER.size :])
    assert (link.name, link.incarnation, link.read_only) == ("peer", LIFE, read_only)
    assert link.deadline == 0.0


def test_what_does_not_hold() -> None:
    token = make_token(KEY, "peer", LIFE, os.getpid())
    accepted(msgspec.msgpack.encode(Hello(VERSION, "peer", LIFE, token, False)))
    for wrong in (
        Hello(VERSION + 1, "peer", LIFE, token, False),
        Hello(VERSION, "other", LIFE, token, False),
        Hello(VERSION, "peer", "2" * 32, token, False),
        Hello(VERSION, "peer", LIFE, make_token(b"x" * 32, "peer", LIFE, os.getpid()), False),
    ):
        with pytest.raises(ProtocolError, match="does not hold"):
            accepted(msgspec.msgpack.encode(wrong))
    with pytest.raises(ProtocolError, match=f"from process {os.getpid() + 1}"):
        accepted(OWN.frame[HEADER.size :], pid=os.getpid() + 1)


def test_what_is_none() -> None:
    more = msgspec.msgpack.encode([VERSION, "peer", LIFE, b"", False, None])[:-1]
    for frame in (b"", b"abc", b"\x90", more + b"\x91" * 50_000):
        with pytest.raises(ProtocolError, match="not a hello"):
            accepted(frame)
