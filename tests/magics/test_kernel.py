"""The magics in real kernels."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.helpers import wait_until
from tests.magics.kernels import running_kernel

ECHO = "%%ipcm service echo -o echo\n@endpoint\ndef say(text: str) -> str:\n    return text\n"


TICKER = """%%ipcm service ticker --interval 0.1
def on_interval(service):
    service.peer('echo').send_request(
        {'endpoint': 'say', 'args': {'text': 'x'}}, lambda *_: None
    )
@endpoint
def f(): ...
"""
LATER = "import asyncio; await asyncio.sleep(1.2)"


@pytest.mark.slow
def test_a_live_view_moves_between_cells_and_stays(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        assert "say(text: str)" in kernel(ECHO).text
        assert kernel("%ipcm call echo say text=hello").value == "'hello'"
        assert "<table" in kernel("%ipcm ps").html
        kernel(TICKER)
        began = time.monotonic()
        first = kernel("%ipcm watch")
        assert "ticker" in first.html
        assert not kernel.refreshed
        kernel(LATER)
        wait_until(lambda: kernel("1") and len(kernel.refreshed) >= 2)
        most = (time.monotonic() - began) * 2
        assert len(kernel.refreshed) <= most, "twice a second at most"
        assert "ticker -> echo" in kernel.refreshed[-1]["text/plain"]
        assert kernel.refreshed[-1]["text/html"].count("<svg") == 2
        kernel.check_responsive()
        kernel("%ipcm unwatch")
        count = len(kernel.refreshed)
        kernel(LATER)
        assert len(kernel.refreshed) == count
        assert "observer" not in kernel("import ipcm; ipcm.buses()[0].presence()").text


WAITING = """import os, time
def wait(path):
    while not os.path.exists(path): time.sleep(0.01)
    os.unlink(path)
"""
SLOW_ECHO = f"{ECHO}{WAITING}\n@endpoint\ndef slowly(path: str): wait(path)\n"
BUSY = {
    "sleeps": "wait({0!r})",
    "computes": "while not os.path.exists({0!r}): sum(range(10000))\nos.unlink({0!r})",
    "waits for an answer": "%ipcm call echo slowly path={0}",
    "keeps what it shows": "%%capture kept\nwait({0!r})\nprint('shown')",
}


def test_a_live_view_moves_while_a_cell_keeps_the_kernel_busy(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        kernel(SLOW_ECHO)
        kernel(TICKER)
        kernel(WAITING)
        kernel("%ipcm watch ticker")
        for what, cell in BUSY.items():
            end = tmp_path / "end"
            id = kernel.send(cell.format(str(end)))
            # What is said for another cell than the one that runs, front ends do not hear.
            first, second = (kernel.wait_for_update(id) for _ in range(2))
            assert first["content"]["data"] != second["content"]["data"], what
            apart = second["header"]["date"] - first["header"]["date"]
            assert apart.total_seconds() >= 0.49, "twice a second at most"
            end.touch()
            assert kernel.take(id).error is None, what
        assert kernel("kept.stdout, kept.outputs").value == "('shown\\n', [])"
        for number in range(3):  # none of them takes along a lock that the view holds
            kernel(f"%%ipcm service f --fork\n@endpoint\ndef f() -> int: return {number}\n")
            assert kernel("%ipcm call f f").value == str(number)
        kernel("%ipcm unwatch")
        assert "ipcm" not in kernel("import threading; threading.enumerate()").value


DYING = """import asyncio, ipcm
try:
    %ipcm call x die
except ipcm.PeerGone:
    while not ipcm.find_bus().services(): await asyncio.sleep(0.05)
"""


def test_a_restart_is_told_where_the_service_was_defined(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        first = kernel("%%ipcm service x --restart\nimport os\n@endpoint\ndef die(): os._exit(3)\n")
        (place,) = (id for id, data in first.data.items() if "when it dies" in data["text/plain"])
        id = kernel.send(DYING)
        update = kernel.wait_for_update(id)
        assert update["content"]["transient"]["display_id"] == place
        assert "died (exit code 3) and is started again" in update["content"]["data"]["text/plain"]
        kernel.take(id)
        assert not kernel.stray


def test_an_interrupt_ends_it(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        kernel(ECHO)
        kernel("%ipcm watch")
        kernel(LATER)
        kernel.interrupt()  # between two cells
        wait_until(lambda: "nothing" in kernel("%ipcm unwatch").text, 10.0)
        for busy, error in (
            ("import time\ntime.sleep(30)", "KeyboardInterrupt"),
            ("import asyncio\nwhile True: await asyncio.sleep(0.05)", "CancelledError"),
        ):
            kernel("%ipcm watch")
            id = kernel.send(f"print('now', flush=True)\n{busy}")
            kernel.wait_for_text("now")
            kernel.interrupt()  # within one
            shown = kernel.take(id)
            assert shown.error is not None
            assert shown.error[0] == error
            assert "nothing" in kernel("%ipcm unwatch").text
        assert kernel("%ipcm call echo say text=on").value == "'on'"
