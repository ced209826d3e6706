"""What every part of the contract uses."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest

import ipcm
from ipcm import Bus, Client, Message
from ipcm._core.envelope import RESPONSE
from ipcm.transports.base import Capabilities
from ipcm.transports.registry import get_transport

__all__ = ["LIMIT", "Base", "answer", "read"]

LIMIT = 10.0
"""Seconds after which what has to happen has failed to."""


class Base:
    """A bus for each test, of the transport and with each of the serializers.

    Attributes:
        transport: name of the transport that is tested.
        serializers: names of the serializers that it is tested with.
    """

    transport: ClassVar[str]
    serializers: ClassVar[Sequence[str]] = ("msgpack", "json")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Has pytest run each test once for each serializer."""
        if "serializer" in metafunc.fixturenames:
            metafunc.parametrize("serializer", self.serializers)

    @pytest.fixture
    def bus(self, serializer: str) -> Iterator[Bus]:
        """A bus that ends with the test."""
        with ipcm.spawn(transport=self.transport, serializer=serializer) as bus:
            yield bus

    @property
    def capabilities(self) -> Capabilities:
        """Of the transport."""
        return get_transport(self.transport).capabilities

    def need(self, capability: str) -> None:
        """Skips a test of what the transport does not offer."""
        if not getattr(self.capabilities, capability):
            pytest.skip(f"the {self.transport!r} transport does not offer {capability!r}")


def read(receiver: Client, count: int, *senders: Client, limit: float = LIMIT) -> list[Message]:
    """Fetches messages until there are `count`, while the senders write what waits.

    Raises:
        AssertionError: they did not come within the limit (seconds).
    """
    got: list[Message] = []
    deadline = time.monotonic() + limit
    while len(got) < count:
        for sender in senders:
            sender.flush(0.0)
        got += receiver.get_messages(0.0005 if senders else deadline - time.monotonic())
        assert time.monotonic() < deadline, f"{len(got)} of {count} messages came within {limit} s"
    return got


def answer(client: Client, request: Message, content: Any, error: str | None = None) -> None:
    """Answers a request from a plain client, as a service would."""
    client.respond(request.sender, RESPONSE, request.id, content, error)
