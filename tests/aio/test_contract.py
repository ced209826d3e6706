"""The promises of a bus hold for asynchronous clients too: the contract, over them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import pytest

import ipcm
import ipcm.aio
from ipcm.testing.contract.away import Away
from ipcm.testing.contract.contents import Contents
from ipcm.testing.contract.flow import Flow
from ipcm.testing.contract.messages import Messages
from ipcm.testing.contract.requests import Requests


class BlockingClient:
    """An asynchronous client for tests that are written for a blocking one.

    What is no coroutine, and what only the inside of a client has, is passed on.
    """

    def __init__(self, runner: asyncio.Runner, client: ipcm.aio.AsyncClient) -> None:
        self._runner = runner
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if not hasattr(self._client, name):
            return getattr(self._client._sync, name)
        value = getattr(self._client, name)
        if not inspect.iscoroutinefunction(value):
            return value

        async def main(*args: Any, **kwargs: Any) -> Any:
            return await value(*args, **kwargs)

        return lambda *args, **kwargs: self._runner.run(main(*args, **kwargs))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()


class AsyncBus:
    """A bus whose clients are asynchronous ones."""

    def __init__(self, bus: ipcm.Bus, runner: asyncio.Runner) -> None:
        self._bus = bus
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    def connect(self, name: str) -> BlockingClient:
        return self._open(ipcm.aio.connect(name, self._bus))

    def reconnect(self, name: str, bus: Any = None) -> BlockingClient:
        return self._open(ipcm.aio.reconnect(name, self._bus if bus is self else bus))

    def _open(self, opening: Any) -> BlockingClient:
        async def main() -> ipcm.aio.AsyncClient:
            client: ipcm.aio.AsyncClient = await opening
            return client

        return BlockingClient(self._runner, self._runner.run(main()))


class AsyncContract(Messages, Contents, Flow, Requests, Away):
    """The parts of the contract that are about clients."""

    serializers: ClassVar[Any] = ("msgpack",)

    # Their loop has read what came before a test could see it lie there.
    test_the_descriptor_is_readable_while_something_is_there = None
    test_what_was_sent_and_read_is_counted = None
    # Two threads, of which a loop has one: test_client has two tasks. The loop calls back.
    test_two_that_flush_to_each_other_do_not_wait_for_ever = None
    test_what_comes_in_while_flushing_calls_nobody_back = None
    # A callback does not await; a task of its own does, as in test_client.
    test_a_callback_that_disconnects_ends_what_waits = None

    @pytest.fixture
    def bus(self, serializer: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        with (
            asyncio.Runner() as runner,
            ipcm.spawn(transport=self.transport, serializer=serializer) as bus,
        ):
            made = AsyncBus(bus, runner)
            monkeypatch.setattr(ipcm, "reconnect", made.reconnect)
            yield made


class TestUnix(AsyncContract):
    transport = "unix"


class TestMemory(AsyncContract):
    transport = "memory"
