"""Services that are started, waited for and ended by an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ipcm
import ipcm.aio
from tests.aio.conftest import Run
from tests.aio.services import Worked
from tests.helpers import wait_until

LIMIT = 10.0


def test_started_and_ended_with_a_bus_of_its_own(run: Run) -> None:
    async def main() -> int:
        async with ipcm.aio.service("worked", Worked) as handle:
            assert await handle.call("double", x=2) == 4
            assert handle.child_pid == handle.service_pid
            assert [bus.name for bus in ipcm.buses()] == [handle.bus.name]
            pid = handle.child_pid
        assert ipcm.buses() == []
        assert pid is not None
        return pid

    with pytest.raises(ProcessLookupError):
        os.kill(run(main()), 0)


def test_the_loop_goes_on_while_it_starts_and_ends(run: Run, tmp_path: Path) -> None:
    for word in ("start", "end"):
        os.mkfifo(tmp_path / word)

    def wait_for(word: str) -> Callable[[Any], None]:
        def wait(service: Any) -> None:
            with open(tmp_path / word) as told:  # waits for who writes
                assert told.read() == word

        return wait

    async def tell(word: str) -> None:
        # Possible once the service has opened it, which is where it starts or ends.
        async with asyncio.timeout(LIMIT):
            while True:
                with contextlib.suppress(OSError):
                    fd = os.open(tmp_path / word, os.O_WRONLY | os.O_NONBLOCK)
                    break
                await asyncio.sleep(0.005)
        for _ in range(5):
            await asyncio.sleep(0.005)
        os.write(fd, word.encode())
        os.close(fd)

    async def main() -> None:
        telling = asyncio.create_task(tell("start"))
        handle = await ipcm.aio.service(
            "worked", Worked, on_start=wait_for("start"), on_cleanup=wait_for("end")
        )
        assert telling.done()
        telling = asyncio.create_task(tell("end"))
        await handle.close(LIMIT)
        assert telling.done()
        await telling

    run(main())


def test_how_it_ended(run: Run) -> None:
    async def main(bus: ipcm.Bus) -> None:
        async with ipcm.aio.service("worked", Worked, bus=bus) as handle:
            with pytest.raises(ipcm.RequestTimeout, match="'worked' has not ended"):
                await handle.wait(0.02)
            waiting = [asyncio.create_task(handle.wait(LIMIT)) for _ in range(2)]
            await asyncio.sleep(0.01)
            await handle.terminate(7)
            assert await asyncio.gather(*waiting) == [7, 7]
        async with ipcm.aio.service("worked", Worked, bus=bus) as handle:
            assert handle.child_pid is not None
            os.kill(handle.child_pid, signal.SIGKILL)
            with pytest.raises(ipcm.ServiceDied, match="signal 9"):
                await handle.wait(LIMIT)
        async with ipcm.aio.service("worked", Worked, bus=bus) as other:
            async with ipcm.aio.attach("worked", bus) as handle:
                with pytest.raises(ipcm.UnsupportedError):
                    await handle.wait(LIMIT)
            assert await other.call("double", x=1) == 2

    with ipcm.spawn() as bus:
        run(main(bus))


def test_a_start_that_fails_or_takes_too_long(run: Run) -> None:
    def fail(service: Any) -> None:
        raise ValueError("at the start")

    def hang(service: Any) -> None:
        time.sleep(60)

    async def main(bus: ipcm.Bus) -> None:
        with pytest.raises(ipcm.ServiceStartError, match="at the start"):
            await ipcm.aio.service("worked", Worked, bus=bus, on_start=fail)
        with pytest.raises(ipcm.ServiceStartError, match=r"not ready in 0\.1 s"):
            await ipcm.aio.service("worked", Worked, bus=bus, on_start=hang, timeout=0.1)
        assert bus.services() == []

    with ipcm.spawn() as bus:
        run(main(bus))


def test_one_that_is_not_waited_for(run: Run) -> None:
    def hang(service: Any) -> None:
        wait_until(lambda: os.path.exists(gate))

    def fail(service: Any) -> None:
        hang(service)
        raise ValueError("at the start")

    async def main(bus: ipcm.Bus) -> None:
        for start, ready in ((hang, True), (fail, False)):
            opening = ipcm.aio.service("worked", Worked, bus=bus, on_start=start, wait=False)
            async with opening as handle:
                assert not await handle.ready()
                assert not await handle.ready(0.02)
                waiting = asyncio.create_task(handle.ready(None))
                await asyncio.sleep(0.01)
                Path(gate).touch()
                assert await waiting is ready
                os.unlink(gate)

    with ipcm.spawn() as bus:
        gate = os.path.join(bus.route, "gate")
        run(main(bus))


def test_inside_a_service_it_starts_nothing(run: Run) -> None:
    async def start(service: Any, request: Any, message: Any) -> Any:
        async with ipcm.aio.service("inner", Worked):
            return "started"

    async def main() -> None:
        async with ipcm.aio.service(
            "outer", handle_request=start, expose_error_details=True
        ) as handle:
            with pytest.raises(ipcm.RemoteError, match="a service starts others with"):
                await handle.request(0)
            assert handle.bus.services() == ["outer"]

    run(main())
