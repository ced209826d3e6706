"""A whole bus, waited for and ended while the loop goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import Any

import pytest

import ipcm
import ipcm.aio
from tests.aio.cancelling import at_each_wait
from tests.aio.conftest import Run
from tests.aio.services import Worked
from tests.helpers import gone

LIMIT = 10.0


async def stopped(bus: ipcm.Bus) -> Any:
    handle = await ipcm.aio.service("worked", Worked, bus=bus, on_sig={"USR1": print})
    assert handle.child_pid is not None
    os.kill(handle.child_pid, signal.SIGSTOP)
    return handle


def test_waited_for_and_ended(run: Run) -> None:
    async def main() -> None:
        async with ipcm.aio.spawn(signal="USR1") as bus:
            handle = await stopped(bus)
            with pytest.raises(ipcm.RequestTimeout, match=f"services of the bus '{bus.name}' have"):
                await ipcm.aio.wait(bus, 0.05)
            waiting = asyncio.create_task(ipcm.aio.wait(str(bus), LIMIT))
            ending = asyncio.create_task(ipcm.aio.shutdown(bus, LIMIT))
            await asyncio.sleep(0.02)
            ending.cancel()  # it has the services end all the same, in their time
            await asyncio.sleep(0.02)
            assert not (waiting.done() or ending.done())
            os.kill(handle.child_pid, signal.SIGCONT)
            with pytest.raises(asyncio.CancelledError):
                await ending
            await waiting
            assert await handle.wait(LIMIT) == 0
            with pytest.raises(ipcm.BusGone):
                bus.peers()
            for _ in range(2):
                await ipcm.aio.wait(bus)
                await ipcm.aio.shutdown(bus)
            await handle.close()

    run(main())


def test_an_end_that_is_cancelled_twice_kills(run: Run) -> None:
    async def main() -> None:
        bus = await ipcm.aio.spawn()
        handle = await stopped(bus)
        began = time.monotonic()
        ending = asyncio.create_task(ipcm.aio.shutdown(bus, 60.0))
        for _ in range(2):
            await asyncio.sleep(0.01)
            ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert time.monotonic() - began < LIMIT
        assert gone(handle.child_pid)
        await handle.close()

    run(main())


def test_cancelled_anywhere_no_bus_is_left(run: Run) -> None:
    async def main() -> None:
        async def whole() -> None:
            async with ipcm.aio.spawn() as bus, ipcm.aio.service("worked", Worked, bus=bus) as own:
                await own.terminate()
                await ipcm.aio.wait(bus)

        async for _ in at_each_wait(whole):
            assert ipcm.buses() == []

    run(main())


@pytest.mark.parametrize("transport", ["unix", "memory"])
def test_a_detached_one_lives_on(run: Run, transport: str) -> None:
    async def main() -> ipcm.Bus:
        async with ipcm.aio.spawn(transport=transport) as bus:
            bus.detach()
        return bus

    with run(main()) as bus:
        assert bus.peers() == []
        run(ipcm.aio.shutdown(bus))
        with pytest.raises(ipcm.BusGone):
            bus.peers()


def test_a_service_ends_its_own(run: Run) -> None:
    class Ender(ipcm.Service):
        @ipcm.endpoint
        async def end(self) -> None:
            (bus,) = ipcm.buses()
            await ipcm.aio.shutdown(bus, LIMIT)

    async def main() -> None:
        async with ipcm.aio.spawn() as bus:
            handle = await ipcm.aio.service("ender", Ender, bus=bus)
            other = await stopped(bus)
            asking = asyncio.create_task(handle.call("end"))
            await asyncio.sleep(0.01)
            os.kill(other.child_pid, signal.SIGCONT)
            with contextlib.suppress(ipcm.BusGone):  # or it is answered with the last breath
                await asking
            for each in (handle, other):
                assert await each.wait(LIMIT) == 0
                await each.close()

    run(main())


def test_its_output_is_followed(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.service("talker", Worked, bus=bus, output="bus") as handle:
            await handle.call("say", text="hello")
            text = ""
            async with asyncio.timeout(LIMIT):
                async for more in ipcm.aio.follow(handle.output(), handle.ended):
                    text += more
                    if text == "hello\n":
                        await handle.call("say", text="again")
                    elif text == "hello\nagain\n":
                        await handle.terminate()
            assert text == "hello\nagain\n"

    run(main())
