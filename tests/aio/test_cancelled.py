"""Whatever waits may be cancelled there: nothing is lost, and nothing stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import ipcm
import ipcm.aio
from tests.aio.cancelling import at_each_wait
from tests.aio.conftest import Run
from tests.aio.services import Worked

LIMIT = 10.0
CALL = {"endpoint": "double", "args": {"x": 2}}


def check_idle(driven: Any, open: int = 0) -> None:
    assert not driven._waiting
    assert not driven._replies
    table = driven._sync.requests
    assert len(table.open) == open
    assert not table.done


async def ask_later(handle: ipcm.aio.AsyncHandle) -> None:
    """A request that `sync_request` does not await for itself."""
    response = await handle.sync_request("worked", CALL)
    assert response.payload == 4


ASKING: dict[str, Callable[[ipcm.aio.AsyncHandle], Coroutine[Any, Any, Any]]] = {
    "call": lambda handle: handle.call("double", x=2),
    "request": lambda handle: handle.request("hold", 0.05),
    "sync_request": ask_later,
    "describe": lambda handle: handle.describe(LIMIT),
    "snapshot": lambda handle: handle.snapshot(LIMIT),
    "ready": lambda handle: handle.client.peer_active("nobody", 0.05),
    "messages": lambda handle: handle.client.get_messages(0.05),
    "poll": lambda handle: handle.poll(0.05),
    "flush": lambda handle: handle.client.flush(LIMIT),
}


@pytest.mark.parametrize("asking", ASKING.values(), ids=ASKING.keys())
def test_what_asks(run: Run, bus: ipcm.Bus, asking: Any) -> None:
    async def main() -> None:
        async with ipcm.aio.attach("worked", bus) as handle:

            async def ask() -> None:
                try:
                    await asking(handle)
                except ipcm.RequestTimeout:
                    return

            async for _ in at_each_wait(ask):
                check_idle(handle.client)
                assert await handle.call("double", x=3) == 6

    run(main())


def test_who_awaits_a_request_leaves_it_open(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.attach("worked", bus) as handle:
            id = await handle.send_request("worked", "hold")
            ends = 0
            async for end in at_each_wait(lambda: handle.await_all_responses(0.05)):
                assert isinstance(end, asyncio.CancelledError)
                ends += 1
                check_idle(handle.client, open=1)
                if ends == 1:
                    break
            await handle.call("release")
            assert (await handle.await_response(id, LIMIT)).payload == "released"
            check_idle(handle.client)

    run(main())


def test_no_message_is_lost(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.connect("a", bus) as a, ipcm.aio.connect("b", bus) as b:
            sent = 0
            got: list[int] = []

            async def fetch() -> None:
                nonlocal sent
                await a.send_message("b", sent)
                sent += 1
                got.extend(m.content for m in await b.get_messages(LIMIT))

            async def iterate() -> None:
                nonlocal sent
                for _ in range(3):
                    await a.send_message("b", sent)
                    sent += 1
                async for message in b:
                    got.append(message.content)
                    b._turn_by = 0.0  # a turn for the others before each one
                    if len(got) == sent:
                        break

            for way in (fetch, iterate):
                async for _ in at_each_wait(way):
                    pass
            while len(got) < sent:
                got += [m.content for m in await b.get_messages(LIMIT)]
            assert got == list(range(sent))
            check_idle(b)

    run(main())


def test_no_event_is_lost(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.observe(bus) as observer, ipcm.aio.attach("worked", bus) as handle:
            assert await observer.ready(LIMIT)
            asked = 0
            seen = 0

            def count(event: ipcm.Event) -> None:
                nonlocal seen
                seen += isinstance(event, ipcm.MessageEvent) and event.kind == "request"

            async def fetch() -> None:
                nonlocal asked
                asked += 1
                await handle.call("double", x=1)
                for event in await observer.poll(0.05):
                    count(event)

            async def iterate() -> None:
                nonlocal asked
                asked += 1
                await handle.call("double", x=1)
                async for event in observer:
                    count(event)
                    observer._turn_by = 0.0
                    if seen == asked:
                        break

            for way in (fetch, iterate):
                async for _ in at_each_wait(way):
                    # What was cancelled before it was asked has been asked all the same.
                    snapshot = await handle.snapshot(LIMIT)
                    asked = snapshot.requests.received
            async with asyncio.timeout(LIMIT):
                while seen < asked:
                    for event in await observer.poll(1):
                        count(event)
            assert seen == asked
            check_idle(observer)

    run(main())


def test_starting_and_ending(run: Run) -> None:
    async def main(bus: ipcm.Bus) -> None:
        opened: list[ipcm.aio.AsyncHandle] = []

        async def start() -> None:
            opened.append(await ipcm.aio.service("worked", Worked, bus=bus))

        async def leave() -> None:
            await opened.pop().close(LIMIT)

        async def whole() -> None:
            async with ipcm.aio.service("worked", Worked) as handle:
                assert await handle.call("double", x=2) == 4

        async for _ in at_each_wait(start):
            while opened:
                await opened[-1].close(LIMIT)
                opened.pop()
            assert bus.peers() == []
        await start()
        async for _ in at_each_wait(leave):
            assert bus.peers() == []
            await start()
        await opened[-1].close()
        async for _ in at_each_wait(whole):
            assert [each.name for each in ipcm.buses()] == [bus.name]

    with ipcm.spawn() as bus:
        run(main(bus))
