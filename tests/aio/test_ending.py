"""The end of services that an event loop has started: by itself, pressed for, and cancelled."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import time
from typing import Any

import pytest

import ipcm
import ipcm.aio
from tests.aio.conftest import Run
from tests.aio.services import Worked
from tests.helpers import gone

LIMIT = 10.0


async def start(bus: ipcm.Bus | None, name: str = "worked", **params: Any) -> Any:
    """A service that is stopped, and its handle."""
    if bus is not None:
        params["bus"] = bus
    handle = await ipcm.aio.service(name, Worked, **params)
    assert handle.child_pid is not None
    os.kill(handle.child_pid, signal.SIGSTOP)
    return handle


@pytest.fixture(params=["bus of its own", "bus that stays"])
def maybe(request: pytest.FixtureRequest) -> Any:
    """A bus, or None: with the service ends the bus that was made for it."""
    if request.param == "bus of its own":
        yield None
    else:
        with ipcm.spawn() as bus:
            yield bus


def test_one_that_does_not_end_by_itself(run: Run, maybe: Any) -> None:
    async def main() -> None:
        handle = await start(maybe)
        begun = time.monotonic()
        await handle.close(0.2)
        assert time.monotonic() - begun < LIMIT / 2
        with pytest.raises(ipcm.ServiceDied):
            await handle.wait(LIMIT)
        await handle.close()

    run(main())


def test_a_close_that_is_cancelled_goes_on_and_so_does_the_loop(run: Run, maybe: Any) -> None:
    async def main() -> None:
        handle = await start(maybe)
        fd = handle.client._sync.fileno()
        closing = asyncio.create_task(handle.close(LIMIT))
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.sleep(0.01)
        assert not closing.done()
        # It ends in good order, in the time that it has: this comes while the close is under way.
        os.kill(handle.child_pid, signal.SIGCONT)
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert await handle.wait(LIMIT) == 0
        assert handle.client.disconnected
        assert not asyncio.get_running_loop().remove_reader(fd)

    run(main())


def test_a_close_that_is_cancelled_twice_kills(run: Run, maybe: Any) -> None:
    async def main() -> None:
        handle = await start(maybe)
        begun = time.monotonic()
        closing = asyncio.create_task(handle.close(60.0))
        for _ in range(2):
            await asyncio.sleep(0.01)
            assert not closing.done()
            closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert time.monotonic() - begun < LIMIT
        assert gone(handle.child_pid)
        with pytest.raises(ipcm.ServiceDied):
            await handle.wait(LIMIT)

    run(main())


def test_a_loop_that_ends_in_a_close_kills(run: Run, maybe: Any) -> None:
    pid = 0

    async def main() -> None:
        nonlocal pid
        handle = await start(maybe)
        pid = handle.child_pid
        closing = asyncio.create_task(handle.close(60.0))
        await asyncio.sleep(0.01)
        closing.cancel()
        await asyncio.sleep(0.01)  # what is left is cancelled once more at the end of the loop

    run(main())
    assert gone(pid)


def test_what_does_not_heed_is_told_by_a_signal_before_it_is_killed(run: Run) -> None:
    def leave(number: int, frame: object) -> None:
        os._exit(3)

    def hang(service: Any, request: Any, message: Any) -> None:
        signal.signal(signal.SIGTERM, leave)
        service.client().send_message(request.sender, "hanging")
        while True:
            time.sleep(60)

    async def main(bus: ipcm.Bus) -> None:
        handle = await ipcm.aio.service("worked", bus=bus, handle_request=hang, start="fork")
        await handle.send_request("worked", "hang")
        assert await handle.client.get_messages(LIMIT)
        await handle.close(1.0)  # and as long from one signal to the other
        with pytest.raises(ipcm.ServiceDied, match="exit code 3"):
            await handle.wait()

    with ipcm.spawn() as bus:
        run(main(bus))


def test_others_on_a_bus_that_ends_have_their_time(run: Run) -> None:
    async def main() -> None:
        handle = await ipcm.aio.service("worked", Worked)
        other = await start(handle.bus, "other")
        closing = asyncio.create_task(handle.close(LIMIT))
        assert await handle.wait(LIMIT) == 0
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert not closing.done()
        os.kill(other.child_pid, signal.SIGCONT)
        await closing
        assert await other.wait(LIMIT) == 0
        await other.close()

    run(main())


def test_closed_by_several_at_once(run: Run, maybe: Any) -> None:
    async def main() -> None:
        handle = await start(maybe)
        closing = [asyncio.create_task(handle.close(grace)) for grace in (0.2, 60.0, 60.0)]
        await asyncio.sleep(0.01)
        closing[1].cancel()
        async with asyncio.timeout(LIMIT):
            ends = await asyncio.gather(*closing, return_exceptions=True)
        assert ends[0] is ends[2] is None
        assert isinstance(ends[1], asyncio.CancelledError)

    run(main())


def test_those_who_wait_for_it_do_not_touch_what_others_wait_for(run: Run) -> None:
    async def main(bus: ipcm.Bus) -> None:
        loop = asyncio.get_running_loop()
        handle = await ipcm.aio.service("worked", Worked, bus=bus)
        heard: list[asyncio.Event] = []
        pipes: list[tuple[int, int]] = []

        async def wait() -> None:
            await handle.wait(LIMIT)
            # The numbers of descriptors that told of the process are taken again here.
            for _ in range(4):
                reading, writing = os.pipe()
                pipes.append((reading, writing))
                event = asyncio.Event()
                loop.add_reader(reading, event.set)
                heard.append(event)

        waiting = []
        for _ in range(2):
            waiting.append(asyncio.create_task(wait()))
            await asyncio.sleep(0)
        await handle.terminate()
        await asyncio.gather(*waiting)
        try:
            for _, writing in pipes:
                os.write(writing, b"x")
            async with asyncio.timeout(LIMIT):
                for event in heard:
                    await event.wait()
        finally:
            for pair in pipes:
                loop.remove_reader(pair[0])
                for fd in pair:
                    os.close(fd)
        await handle.close()

    with ipcm.spawn() as bus:
        run(main(bus))


def test_what_has_ended_is_not_ready_and_is_known_to_have_ended(run: Run) -> None:
    async def main(bus: ipcm.Bus) -> None:
        async with ipcm.aio.service("worked", Worked, bus=bus) as handle:
            assert not handle.ended()
            assert await handle.ready(None)
            await handle.terminate(3)
            assert await handle.wait(LIMIT) == 3
            assert handle.ended()
            with ipcm.service("worked", Worked, bus=bus):
                assert not await handle.ready(None)  # another one has its name

    with ipcm.spawn() as bus:
        run(main(bus))


def test_detached_it_lives_on(run: Run) -> None:
    async def main() -> tuple[ipcm.Bus, int]:
        async with ipcm.aio.service("worked", Worked) as handle:
            pid, bus = handle.child_pid, handle.bus
            waiting = asyncio.create_task(handle.wait(LIMIT))
            await asyncio.sleep(0.01)
            await handle.detach()
            with pytest.raises(ipcm.UnsupportedError):
                await waiting
            assert await handle.call("double", x=2) == 4
        assert pid is not None
        return bus, pid

    bus, pid = run(main())
    with ipcm.attach("worked", bus) as handle:
        assert handle.call("double", x=2) == 4
    bus.shutdown()
    os.waitpid(pid, 0)


def test_closed_where_its_loop_has_ended_it_is_asked_to_end(run: Run, maybe: Any) -> None:
    async def open() -> Any:
        params: dict[str, Any] = {} if maybe is None else {"bus": maybe}
        return await ipcm.aio.service("worked", Worked, **params)

    handle = run(open())
    begun = time.monotonic()
    run(handle.close(60.0))
    assert time.monotonic() - begun < LIMIT
    assert handle._handle.wait(0.0) == 0


def test_in_a_forked_child_it_is_the_parents(run: Run, bus: ipcm.Bus) -> None:
    async def in_child(handle: Any, observer: Any) -> bool:
        for use in (handle.call("double", x=1), observer.poll(), handle.wait()):
            with pytest.raises(ipcm.WrongProcess):
                await use
        for driven in (handle, handle.client, observer):
            await (driven.disconnect if driven is handle.client else driven.close)()
        return True

    async def main() -> None:
        async with (
            ipcm.aio.service("own", Worked, bus=bus) as handle,
            ipcm.aio.observe(bus) as observer,
        ):
            assert await observer.ready(LIMIT)
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    loop = asyncio.new_event_loop()
                    code = 0 if loop.run_until_complete(in_child(handle, observer)) else 1
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert await handle.call("double", x=2) == 4
            assert await observer.poll(LIMIT)
            await handle.terminate()
            assert await handle.wait(LIMIT) == 0

    run(main())


def test_that_it_is_ready_is_read_without_time(bus: ipcm.Bus) -> None:
    with ipcm.service("late", Worked, bus=bus, wait=False) as handle:
        process = handle.process
        assert process is not None
        news, _, _ = select.select(process.filenos(), [], [], LIMIT)
        assert news
        assert process.await_ready(0.0)
