"""Makes docs/_static/*.svg: the real demo, on this repository, as the console shows it.

    python docs/make_screenshot.py [--output DIRECTORY] [--seconds N] [--size COLUMNSxROWS]

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
from ipcm_tui.buses import open_source
from ipcm_tui.models.buses import BusFacts
from ipcm_tui.widgets.grid_view import GridView
from ipcm_tui.widgets.parameter_form import ParameterForm

ROOT = Path(__file__).resolve().parent.parent
BUS = "demo"


@contextlib.contextmanager
def running_demo(patience: float = 15.0) -> Iterator[Bus]:
    """The demo in a process of its own; `patience` is for its start, in seconds."""
    command = [sys.executable, "-m", "ipcm", "demo", str(ROOT), "--no-tui", "--name", BUS]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as demo:
        try:
            yield _bus_of(demo, time.monotonic() + patience)
        finally:
            demo.terminate()
            demo.communicate(timeout=10)


def _bus_of(demo: subprocess.Popen[bytes], deadline: float) -> Bus:
    while True:
        try:
            return find_bus(BUS)
        except NoSuchBus:
            if demo.poll() is not None or time.monotonic() > deadline:
                said = demo.communicate()[1].decode() if demo.poll() is not None else ""
                raise SystemExit(f"the demo did not start: {said.strip()}") from None
            time.sleep(0.05)


async def shoot(bus: Bus, seconds: float, size: tuple[int, int]) -> dict[str, str]:
    """The console after some seconds, its screens as SVG, by the names of their files."""
    app = ConsoleApp(await open_source(bus, read_only=False), BusFacts.of(bus), demo=True)
    pictures = {}
    async with app.run_test(size=size) as pilot:

        def take(name: str) -> None:
            pictures[name] = app.export_screenshot(title="ipcm demo")

        await watch(pilot, seconds)
        take("demo")
        await pilot.press("enter")
        await pilot.pause(1.5)
        take("service")
        await pilot.press("escape", "s")
        await pilot.pause(0.5)
        await compose(pilot)
        take("composer")
        await pilot.press("escape", "2", "up", "up", "enter")
        await pilot.pause(0.5)
        take("pair")
    return pictures


async def watch(pilot: Pilot[int], seconds: float) -> None:
    """Looks at the store."""
    await pilot.pause(seconds / 2)
    table = pilot.app.screen.query_one("#peers", GridView)
    key = next((key for key in table.keys if key.name == "store"), None)
    if key is not None:
        table.choose(key)
    await pilot.press("z")  # the indexer's first workers have come and gone
    await pilot.pause(seconds / 2)


async def compose(pilot: Pilot[int]) -> None:
    """Asks the store something."""
    await pilot.press(*"search", "tab")
    await pilot.pause(0.3)
    pilot.app.screen.query_one(ParameterForm).focus_first()
    await pilot.press(*"fork", "ctrl+j")
    await pilot.pause(0.7)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Makes the screenshots of the demo.")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "_static")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--size", default="120x36", metavar="COLUMNSxROWS")
    options = parser.parse_args()
    columns, _, rows = options.size.partition("x")
    with tempfile.TemporaryDirectory(prefix="ipcm-") as runtime:
        os.environ["IPCM_RUNTIME_DIR"] = runtime
        os.environ["COLORTERM"] = "truecolor"  # whatever terminal it is made on
        with running_demo() as bus:
            pictures = asyncio.run(shoot(bus, options.seconds, (int(columns), int(rows))))
    options.output.mkdir(parents=True, exist_ok=True)
    for name, svg in pictures.items():
        path = options.output / f"{name}.svg"
        path.write_text(svg, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
