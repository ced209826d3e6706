"""The asynchronous side where a loop runs already: `await` at the top of a cell."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ipykernel", reason="a kernel needs ipykernel")

from tests.magics.kernels import running_kernel

SERVICE = """%%ipcm service adder
import asyncio
@endpoint
async def add(a: int, b: int, seconds: float = 0.0) -> int:
    await asyncio.sleep(seconds)
    return a + b
"""
GATHERED = """import asyncio, ipcm, ipcm.aio
handle = await ipcm.aio.attach("adder")
sums = await asyncio.gather(*(handle.call("add", a=n, b=1) for n in range(300)))
sums == [n + 1 for n in range(300)]
"""
GIVEN_UP = """try:
    async with asyncio.timeout(0.05):
        await handle.call("add", a=1, b=2, seconds=60)
except TimeoutError:
    print("given up")
try:
    await handle.request({"endpoint": "add", "args": {"a": 1, "b": 2, "seconds": 60}}, timeout=0.05)
except ipcm.RequestTimeout as error:
    print(error)
"""
OBSERVED = """async with ipcm.aio.observe() as observer:
    assert await observer.ready(10)
    await handle.call("add", a=1, b=2)
    async for event in observer:
        if getattr(event, "kind", "") == "response":
            break
event.preview
"""


def test_await_at_the_top_of_a_cell(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        kernel(SERVICE)
        assert kernel(GATHERED).value == "True"
        kernel("import ipcm.console.cards; ipcm.console.cards._PATIENCE = 10.0")
        assert "running" in kernel("handle").html, "it shows itself"
        told = kernel(GIVEN_UP).text
        assert "given up" in told
        assert "within 0.05 s" in told
        assert kernel(OBSERVED).value == "'3'"
        # A task goes on between cells, and a blocking cell beside it does no harm.
        kernel("task = asyncio.create_task(handle.call('add', a=20, b=1, seconds=0.2))")
        assert kernel("%ipcm call adder add a=1 b=1").value == "2"
        assert kernel("await task").value == "21"
        # The kernel heeds an interrupt when its loop turns: here that is when others are answered.
        others = (
            "[asyncio.create_task(handle.call('add', a=1, b=1, seconds=s / 2)) for s in range(9)]"
        )
        id = kernel.send(
            f"others = {others}\nprint('now')\nawait handle.call('add', a=1, b=1, seconds=60)"
        )
        kernel.wait_for_text("now")
        kernel.interrupt()
        shown = kernel.take(id)
        assert shown.error is not None
        assert shown.error[0] in ("KeyboardInterrupt", "CancelledError")
        assert kernel("await handle.call('add', a=2, b=3)").value == "5"
        kernel("await handle.close()")
        own = "async with ipcm.aio.service('own', ipcm.EchoService) as own:\n"
        assert kernel(own + "    got = await own.request('x')\ngot").value == "'x'"
