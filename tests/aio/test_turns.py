"""Who need not wait lets the others have their turns all the same, and loses nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self

import pytest

import ipcm
import ipcm.aio
from ipcm import MessageEvent, PeerEvent
from tests._os.processes import until_readable
from tests.aio.conftest import Run

LIMIT = 10.0
MANY = 20_000
CALL = {"endpoint": "double", "args": {"x": 2}}


class Turns:
    """Counts the turns that another task has."""

    async def __aenter__(self) -> Self:
        self.count = -1
        self._task = asyncio.create_task(self._run())
        await asyncio.sleep(0)
        return self

    async def _run(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def test_beside_events_that_wait(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.observe(bus) as observer, Turns() as turns:
            observer._events.extend([PeerEvent("", 0.0, "early", 1)] * 10 * MANY)
            left = 10 * MANY
            begun = time.monotonic()
            async for event in observer:
                left -= isinstance(event, PeerEvent) and event.peer == "early"
                if not left:
                    break
            took = time.monotonic() - begun
            assert 2 <= turns.count <= took * 1000 + 1

    run(main())


def test_beside_messages_that_wait(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.connect("a", bus) as a, Turns() as turns:
            for n in range(MANY):
                await a.send_message("a", n)
            assert turns.count >= 2
            turns.count = 0
            got = []
            async for message in a:
                got.append(message.content)
                if len(got) == MANY:
                    break
            assert got == list(range(MANY))
            assert turns.count >= 2

    run(main())


async def fetch(client: ipcm.aio.AsyncClient, observer: Any) -> None:
    await client.send_message(client.name, 1)
    assert await client.get_messages(None)


async def take(client: Any, observer: ipcm.aio.AsyncObserver) -> None:
    observer._events.append(PeerEvent("", 0.0, "a", 1))
    assert await observer.poll(None)


async def ask(client: ipcm.aio.AsyncClient, observer: Any) -> None:
    client._sync.requests.forget(await client.send_request("worked", CALL))


async def ask_as_observer(client: Any, observer: ipcm.aio.AsyncObserver) -> None:
    observer._sync.requests.forget(await observer.send_request("worked", CALL))


AGAIN: dict[str, Callable[[ipcm.aio.AsyncClient, ipcm.aio.AsyncObserver], Any]] = {
    "get_messages": fetch,
    "observer.poll": take,
    "observer.ready": lambda client, observer: observer.ready(0),
    "observer.refresh": lambda client, observer: observer.refresh(),
    "observer.send_request": ask_as_observer,
    "try_message": lambda client, observer: client.try_message("nobody", 1),
    "broadcast": lambda client, observer: client.broadcast(1),
    "flush": lambda client, observer: client.flush(0),
    "send_request": ask,
    "peers": lambda client, observer: client.peers(),
    "peer_exists": lambda client, observer: client.peer_exists("nobody"),
    "peer_active": lambda client, observer: client.peer_active("nobody"),
}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN.keys())
def test_beside_one_who_asks_again_and_again(run: Run, bus: ipcm.Bus, again: Any) -> None:
    async def main() -> None:
        async with (
            ipcm.aio.connect("a", bus) as client,
            ipcm.aio.observe(bus, read_only=False) as observer,
        ):
            told = asyncio.Event()
            telling = asyncio.create_task(_tell(told))
            deadline = time.monotonic() + LIMIT
            while not told.is_set():
                assert time.monotonic() < deadline
                await again(client, observer)
            await telling

    run(main())


async def _tell(told: asyncio.Event) -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    told.set()


def test_who_waits_for_something_else_is_not_woken(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        client = await ipcm.aio.connect("a", bus)
        waiting = [asyncio.create_task(client.get_messages(None)) for _ in range(3)]
        async with asyncio.timeout(LIMIT):
            while len(client._waiting) < 3:
                await asyncio.sleep(0)
        futures = list(client._waiting)
        for n in range(10):
            assert await client.call("worked", "double", x=n) == 2 * n
        assert list(client._waiting) == futures
        await client.send_message("a", 1)
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [message.content for message in done.pop().result()] == [1]
        await client.disconnect()
        for task in waiting:
            if not task.done():
                with pytest.raises(ipcm.UsageError):
                    await task

    run(main())


@pytest.mark.parametrize("waiting", ["poll", "await_all_responses"])
def test_who_waits_for_an_end_is_not_passed_by_the_next_request(
    run: Run, bus: ipcm.Bus, waiting: str
) -> None:
    async def ask_on_and_on(handle: ipcm.aio.AsyncHandle) -> None:
        while True:
            await handle.call("double", x=1)

    async def main() -> None:
        async with ipcm.aio.attach("worked", bus) as handle:
            asking = asyncio.create_task(ask_on_and_on(handle))
            async with asyncio.timeout(LIMIT):
                for _ in range(10):
                    while not handle.client._sync.requests.open:
                        await asyncio.sleep(0)
                    await getattr(handle, waiting)(None)
            asking.cancel()
            await asyncio.wait([asking])

    run(main())


def test_who_has_no_time_to_wait_gets_what_is_there(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.attach("worked", bus) as handle:
            called: list[Any] = []
            id = await handle.send_request("worked", CALL)
            assert until_readable(handle.client._sync.fileno(), LIMIT)
            assert (await handle.await_response(id, 0)).payload == 4
            await handle.send_request(
                "worked", CALL, lambda response, message: called.append(response.payload)
            )
            assert until_readable(handle.client._sync.fileno(), LIMIT)
            await handle.await_all_responses(0)
            assert called == [4]

    run(main())


def test_who_looks_for_the_pid_takes_nothing_from_who_waits(run: Run, bus: ipcm.Bus) -> None:
    async def main(other: ipcm.Client) -> None:
        async with ipcm.aio.attach("worked", bus) as handle:
            waiting = asyncio.create_task(handle.client.get_messages(None))
            await asyncio.sleep(0.01)
            other.send_message(handle.name, "hello")
            assert until_readable(handle.client._sync.fileno(), LIMIT)
            assert handle.service_pid is not None
            async with asyncio.timeout(LIMIT):
                assert [message.content for message in await waiting] == ["hello"]

    with bus.connect("other") as other:
        run(main(other))


def test_an_iteration_that_is_left_leaves_the_rest(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.connect("a", bus) as a, ipcm.aio.connect("b", bus) as b:
            with a.batch():
                for n in range(5):
                    await a.send_message("b", n)
            async for message in b:
                assert message.content == 0
                break
            async for message in b:
                assert message.content == 1
                break
            rest: list[int] = []
            while len(rest) < 3:
                rest += [message.content for message in await b.get_messages(LIMIT)]
            assert rest == [2, 3, 4]

    run(main())


def test_an_iteration_ends_with_the_connection(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        client = await ipcm.aio.connect("a", bus)

        async def iterate() -> str:
            async for _ in client:
                pass
            return "ended"

        iterating = asyncio.create_task(iterate())
        await asyncio.sleep(0.01)
        await client.disconnect()
        assert await iterating == "ended"
        assert [message async for message in client] == []

    run(main())


def test_events_behind_one_that_the_filter_fails_at_come_at_once(bus: ipcm.Bus) -> None:
    told: list[Any] = []
    failed = False

    def wanted(event: ipcm.Event) -> bool:
        nonlocal failed
        if not failed and isinstance(event, MessageEvent):
            failed = True
            raise ValueError("in a filter")
        return True

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
        async with (
            ipcm.aio.observe(bus, wanted) as observer,
            ipcm.aio.attach("worked", bus) as handle,
        ):
            assert await observer.ready(LIMIT)
            with handle.batch():
                asked = [asyncio.create_task(handle.call("double", x=n)) for n in range(5)]
                await asyncio.sleep(0)
            await asyncio.gather(*asked)
            seen = 0
            async with asyncio.timeout(LIMIT):
                async for event in observer:
                    seen += isinstance(event, MessageEvent)
                    if seen == 9:  # of five requests and five responses
                        break

    asyncio.run(main())
    assert [str(error) for error in told] == ["in a filter"]


def test_a_callback_that_is_cancelled_takes_no_other_with_it(bus: ipcm.Bus) -> None:
    told: list[Any] = []
    called: list[int] = []

    def fail(response: Any, message: Any) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
        async with ipcm.aio.attach("worked", bus) as handle:
            with handle.batch():
                await handle.send_request("worked", CALL, fail)
                for _ in range(3):
                    await handle.send_request(
                        "worked", CALL, lambda response, message: called.append(response.payload)
                    )
            await handle.await_all_responses(LIMIT)
            assert called == [4, 4, 4]

    asyncio.run(main())
    assert [type(error) for error in told] == [asyncio.CancelledError]


def test_each_who_waits_has_an_error_of_his_own(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        client = await ipcm.aio.connect("a", bus)
        asked = [asyncio.create_task(client.request("worked", "hold")) for _ in range(3)]
        await asyncio.sleep(0)
        await client.disconnect()
        ends = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(end, ipcm.UsageError) for end in ends)
        assert len(set(map(id, ends))) == 3

    run(main())
