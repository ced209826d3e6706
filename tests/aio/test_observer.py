"""Observers of an event loop."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

import ipcm
import ipcm.aio
from ipcm import PeerEvent, SignalEvent, TerminatedEvent
from tests._os.processes import until_readable
from tests.aio.conftest import Run
from tests.aio.services import Worked
from tests.observe.watched import is_request

LIMIT = 10.0


async def until(
    observer: ipcm.aio.AsyncObserver, wanted: Callable[[Any], Any], limit: float = LIMIT
) -> list[ipcm.Event]:
    """The events up to the one that is wanted."""
    seen: list[ipcm.Event] = []
    async with asyncio.timeout(limit):
        async for event in observer:
            seen.append(event)
            if wanted(event):
                return seen
    raise AssertionError("the bus ended before")


def test_events_of_all_services_as_they_come_and_go(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.observe(bus) as observer, ipcm.aio.attach("worked", bus) as handle:
            assert await observer.ready(LIMIT)
            await handle.call("double", x=2)
            seen = await until(observer, is_request)
            assert {"worked"} >= {event.service for event in seen if event.service}
            other = ipcm.service("other", ipcm.EchoService, bus=bus)
            while "other" not in observer.snapshots:
                await observer.poll(1)
            assert other.request("x") == "x"
            seen = await until(
                observer, lambda event: is_request(event) and event.service == "other"
            )
            other.close()
            # The observer's own, which follows the last words; the other service may tell before.
            seen += await until(
                observer,
                lambda e: (
                    isinstance(e, PeerEvent)
                    and not e.service
                    and e.peer == "other"
                    and e.change < 0
                ),
            )
            assert any(isinstance(e, TerminatedEvent) and e.service == "other" for e in seen)
            # The other one's handle leaves after it.
            async with asyncio.timeout(LIMIT):
                while observer.presence.keys() != {"worked", handle.name}:
                    await observer.poll(1)
            assert observer.snapshots.keys() == {"worked"}
            assert observer.dropped == 0

    run(main())


def test_looking_and_acting(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.observe(bus, read_only=False) as observer:
            described = await observer.describe("worked")
            assert described["class"].endswith("Worked")
            await observer.ask_description("worked")
            async with asyncio.timeout(LIMIT):
                while "worked" not in observer.descriptions:
                    await observer.poll(1)
            assert observer.descriptions["worked"] == described
            assert observer.complete
            assert not observer.over
            snapshot = await observer.snapshot("worked")
            assert observer.presence["worked"].incarnation == snapshot.incarnation
            call = {"endpoint": "double", "args": {"x": 2}}
            assert await observer.request("worked", call) == 4
            id = await observer.send_request("worked", call)
            while (response := await observer.get_response(id)) is None:
                await observer.poll(1)
            assert response.payload == 4
            await observer.refresh()
            while observer.snapshots["worked"].requests.received < 2:
                await observer.poll(0.01)
            answered: list[Any] = []
            await observer.ask_terminate("worked", lambda response, message: answered.append(1))
            await until(observer, lambda event: isinstance(event, TerminatedEvent))
            with pytest.raises((ipcm.NoSuchPeer, ipcm.PeerGone)):
                while True:
                    await observer.snapshot("worked")
            assert answered == [1]

    run(main())


def test_events_that_come_while_an_answer_is_looked_for(run: Run, bus: ipcm.Bus) -> None:
    """They are told to who waits for them, though nothing more comes in."""

    async def main() -> None:
        with bus.connect("guest") as guest:
            async with ipcm.aio.observe(bus, events="message", read_only=False) as observer:
                assert await observer.ready(LIMIT)
                id = await observer.send_request("worked", "hold", timeout=None)
                await until(observer, is_request)
                following = asyncio.create_task(until(observer, is_request))
                await asyncio.sleep(0)
                # From here on the loop has no turn until the answer has been looked for.
                observer._turn_by = math.inf
                guest.request("worked", {"endpoint": "double", "args": {"x": 2}})
                assert until_readable(observer._sync.fileno(), LIMIT)
                assert await observer.get_response(id) is None
                await following

    run(main())


def test_read_only(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.observe(bus) as observer:
            assert observer.read_only
            for act in (
                observer.request("worked", 1),
                observer.send_request("worked", 1),
                observer.terminate("worked"),
                observer.signal("worked", signal.SIGTERM),
            ):
                with pytest.raises(ipcm.UnsupportedError, match="read-only"):
                    await act
            # The service refuses, whatever this side thinks.
            for verb in ("terminate", "signal"):
                with pytest.raises(ipcm.RemoteError, match="read-only"):
                    await observer._answer("worked", [verb, {}], LIMIT, control=True)
            with pytest.raises(ipcm.RemoteError, match="read-only"):
                await observer._answer("worked", {"endpoint": "double"}, LIMIT)
            assert (await observer.snapshot("worked")).requests.received == 0

    run(main())


def test_a_busy_service(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.observe(bus) as observer:
            assert await observer.ready(LIMIT)
            pid = observer.presence["worked"].pid
            os.kill(pid, signal.SIGSTOP)
            try:
                await observer.refresh()
                with pytest.raises(ipcm.RequestTimeout):
                    await observer.describe("worked", 1.1)
                assert observer.busy["worked"] > 1
            finally:
                os.kill(pid, signal.SIGCONT)
            async with asyncio.timeout(LIMIT):
                while observer.busy:
                    await observer.poll(1)

    run(main())


def test_what_is_not_fetched_is_not_read_and_what_is_left_out_is_counted(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipcm._core.subscription._MOST_WAITING", 50)
    monkeypatch.setattr("ipcm.aio.observer._MOST_WAITING", 50)

    async def main(bus: ipcm.Bus) -> None:
        async with (
            ipcm.aio.observe(bus, rate=1e9) as observer,
            ipcm.aio.attach("worked", bus) as handle,
        ):
            assert await observer.ready(LIMIT)
            for _ in range(10):
                await asyncio.gather(*(handle.call("double", x=n) for n in range(500)))
            async with asyncio.timeout(LIMIT):
                while len(observer._events) < 50:
                    await asyncio.sleep(0.001)
            assert len(observer._events) < 2_000
            # However fast it is, what waits when it goes on comes to it in one piece.
            pid = observer.presence["worked"].pid
            os.kill(pid, signal.SIGSTOP)
            try:
                calls = asyncio.gather(*(handle.call("double", x=n) for n in range(500)))
                await asyncio.sleep(0)
            finally:
                os.kill(pid, signal.SIGCONT)
            await calls
            async with asyncio.timeout(LIMIT):
                while not observer.dropped:
                    await observer.poll(1)

    # In a fork, where the bounds are as they are here.
    with ipcm.spawn() as bus, ipcm.service("worked", Worked, bus=bus, start="fork"):
        run(main(bus))


def test_the_end_of_the_bus(run: Run) -> None:
    async def main(bus: ipcm.Bus) -> None:
        async with ipcm.aio.observe(bus) as observer:
            bus.shutdown()
            async with asyncio.timeout(LIMIT):
                seen = [event async for event in observer]
            assert any(isinstance(e, PeerEvent) and e.peer == "worked" for e in seen)
            with pytest.raises(ipcm.BusGone):
                await observer.poll(LIMIT)
            await observer.close()
            await observer.close()

    with ipcm.spawn() as bus, ipcm.service("worked", Worked, bus=bus):
        run(main(bus))


def test_its_end_ends_whoever_reads_on(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        observer = await ipcm.aio.observe(bus)

        async def read() -> None:
            async for _ in observer:
                pass

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        await observer.close()
        async with asyncio.timeout(LIMIT):
            await reading
            await read()

    run(main())


def test_signals_seen(run: Run) -> None:
    async def main(bus: ipcm.Bus) -> None:
        async with ipcm.aio.observe(bus, read_only=False) as observer:
            await observer.snapshot("worked")
            await observer.signal("worked", signal.SIGUSR1)
            *_, seen = await until(observer, lambda event: isinstance(event, SignalEvent))
            assert isinstance(seen, SignalEvent) and (seen.signal, seen.count) == ("SIGUSR1", 1)

    with ipcm.spawn() as bus, ipcm.service("worked", Worked, bus=bus, signals_to_grab=["USR1"]):
        run(main(bus))
