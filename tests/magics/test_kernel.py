"""The magics in real kernels."""

from __future__ import annotations

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
        first = kernel("%ipcm watch")
        assert "ticker" in first.html
        assert not kernel.refreshed
        kernel(LATER)
        assert 2 <= len(kernel.refreshed) <= 4, "twice a second at most"
        assert "ticker -> echo" in kernel.refreshed[-1]["text/plain"]
        assert kernel.refreshed[-1]["text/html"].count("<svg") == 2
        assert kernel.delay() < 1.0
        kernel("%ipcm unwatch")
        count = len(kernel.refreshed)
        kernel(LATER)
        assert len(kernel.refreshed) == count
        assert "observer" not in kernel("import ipcm; ipcm.buses()[0].presence()").text


def test_an_interrupt_ends_it(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        kernel(ECHO)
        kernel("%ipcm watch")
        kernel(LATER)
        kernel.interrupt()  # between two cells
        wait_until(lambda: "nothing" in kernel("%ipcm unwatch").text, 10.0)
        kernel("%ipcm watch")
        id = kernel.send("import time\nprint('now', flush=True)\ntime.sleep(30)")
        kernel.wait_for_text("now")
        kernel.interrupt()  # within one
        shown = kernel.take(id)
        assert shown.error is not None
        assert shown.error[0] == "KeyboardInterrupt"
        assert "nothing" in kernel("%ipcm unwatch").text
        assert kernel("%ipcm call echo say text=on").value == "'on'"
