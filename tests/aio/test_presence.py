"""Who is there, seen from an event loop: those who come, tell of themselves, and end."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

import ipcm
import ipcm.aio
from tests.aio.conftest import Run
from tests.aio.services import Worked

LIMIT = 10.0


def test_waiting_for_one_to_be_ready(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.connect("a", bus) as a:
            assert await a.peer_active("worked")
            assert not await a.peer_active("late")
            assert not await a.peer_active("late", 0.02)
            waiting = asyncio.create_task(a.peer_active("late", LIMIT))
            await asyncio.sleep(0.02)
            with ipcm.service("late", ipcm.EchoService, bus=bus, wait=False):
                assert await waiting
                async with ipcm.aio.attach("late", bus) as handle:
                    assert await handle.ready(LIMIT)
                    assert handle.service_pid == await a.peer_pid("late")
            assert not await a.peer_exists("late")

    run(main())


def test_describe_snapshot_terminate(run: Run) -> None:
    async def main(bus: ipcm.Bus) -> None:
        async with ipcm.aio.attach("worked", bus, read_only=True) as looking:
            described = await looking.describe()
            assert "double" in {each["name"] for each in described["endpoints"]}
            with pytest.raises(ipcm.RemoteError, match="read-only"):
                await looking.call("double", x=1)
        async with ipcm.aio.attach("worked", bus) as handle:
            assert (await handle.snapshot()).name == "worked"
            await handle.terminate(7)

    with ipcm.spawn() as bus, ipcm.service("worked", Worked, bus=bus) as started:
        run(main(bus))
        assert started.wait(LIMIT) == 7


def test_a_registrar_that_dies_is_found_again(run: Run, bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.connect("a", bus) as a, ipcm.aio.observe(bus) as observer:
            assert await a.peer_active("worked", LIMIT)
            await a.request("worked", {"endpoint": "double", "args": {"x": 1}})
            keeper = bus._record.keeper_pid
            assert keeper is not None
            os.kill(keeper, signal.SIGKILL)
            os.waitpid(keeper, 0)
            assert await a.request("worked", {"endpoint": "double", "args": {"x": 2}}) == 4
            # Nobody calls anything: the loop's timers find the new one.
            with ipcm.service("late", ipcm.EchoService, bus=bus):
                async with asyncio.timeout(LIMIT):
                    async for event in observer:
                        if isinstance(event, ipcm.PeerEvent) and event.peer == "late":
                            break
                assert await a.peer_exists("late")

    run(main())
