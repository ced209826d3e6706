"""Makes docs/_static/demo.svg: the real demo, on this repository, as the console shows it.

    python docs/make_screenshot.py [--output FILE] [--seconds N] [--size COLUMNSxROWS]

It starts `ipcm demo` in a private runtime directory, runs the console without a terminal,
works with it for a few seconds as somebody would, and ends both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from textual.pilot import Pilot

from ipcm.bus import Bus, find_bus
from ipcm.errors import NoSuchBus
from ipcm_tui.app import ConsoleApp
from ipcm_tui.source import BusFacts
from ipcm_tui.widgets.peer_table import PeerTable

ROOT = Path(__file__).resolve().parent.parent
BUS = "demo"


@contextlib.contextmanager
def running_demo(patience: float = 15.0) -> Iterator[Bus]:
    """The demo in a process of its own; `patience` is for its start, in seconds."""
    command = [sys.executable, "-m", "ipcm", "demo", str(ROOT), "--no-tui", "--name", BUS]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as demo:
        try:
            deadline = time.monotonic() + patience
            while True:
                try:
                    bus = find_bus(BUS)
                    break
                except NoSuchBus:
                    if demo.poll() is not None or time.monotonic() > deadline:
                        said = demo.communicate()[1].decode() if demo.poll() is not None else ""
                        raise SystemExit(f"the demo did not start: {said.strip()}") from None
                    time.sleep(0.05)
            yield bus
        finally:
            demo.terminate()
            demo.communicate(timeout=10)


async def shoot(bus: Bus, seconds: float, size: tuple[int, int]) -> str:
    """The console after some seconds, as SVG."""
    facts = BusFacts(bus.name, bus.transport, bus.serializer, bus.started, bus.owner_pid)
    with bus.observe(read_only=False) as observer:
        app = ConsoleApp(observer, facts, demo=True)
        async with app.run_test(size=size) as pilot:
            await watch(pilot, seconds)
            return app.export_screenshot(title="ipcm demo")


async def watch(pilot: Pilot[int], seconds: float) -> None:
    """Looks at the store, and asks it something."""
    await pilot.pause(seconds / 2)
    table = pilot.app.query_one(PeerTable)
    for _ in range(table.row_count):
        if table.selected is not None and table.selected.name == "store":
            break
        await pilot.press("down")
    await pilot.press("s", *"search", "tab", "end", "left", "left", *"fork", "ctrl+j")
    await pilot.pause(0.5)
    await pilot.press("escape")
    await pilot.pause(seconds / 2)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Makes the screenshot of the demo.")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "_static" / "demo.svg")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--size", default="120x36", metavar="COLUMNSxROWS")
    options = parser.parse_args()
    columns, _, rows = options.size.partition("x")
    with tempfile.TemporaryDirectory(prefix="ipcm-") as runtime:
        os.environ["IPCM_RUNTIME_DIR"] = runtime
        with running_demo() as bus:
            svg = asyncio.run(shoot(bus, options.seconds, (int(columns), int(rows))))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(svg, encoding="utf-8")
    print(options.output)


if __name__ == "__main__":
    main()
