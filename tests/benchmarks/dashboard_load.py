"""What the dashboard takes under load: a bus of many services that say a lot.

    python tests/benchmarks/dashboard_load.py [--services N] [--rate N] [--seconds N]

The services run in processes of their own, the console without a terminal in this one. It tells
how much of a core the console took, how long a key waits for its answer (through Textual's
pilot, drawing included), how its memory grew, and how many events it was shown and was not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import ipcm
from ipcm.bus import Bus
from ipcm_tui.app import ConsoleApp
from ipcm_tui.buses import open_source
from ipcm_tui.models.buses import BusFacts

TICK = 0.05


class Talker(ipcm.Service):
    """Sends so many messages a second to its neighbour."""

    interval = TICK
    neighbour = ""
    burst = 1

    def run_on_interval(self) -> None:
        client = self.client()
        for number in range(self.burst):
            client.try_message(self.neighbour, {"number": number, "text": "x" * 40})

    def run_on_general_message(self, message: Any) -> None:
        """Nothing is done with them."""

    def handle_request(self, request: Any, message: Any) -> str:
        return "no"


def talker(neighbour: str, burst: int) -> type[Talker]:
    """One that talks to this neighbour, so many messages every 50 ms."""
    return type("OneTalker", (Talker,), {"neighbour": neighbour, "burst": burst})


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def watch(bus: Bus, seconds: float) -> dict[str, Any]:
    """Looks for so long, pressing a key now and then."""
    app = ConsoleApp(await open_source(bus, read_only=True), BusFacts.of(bus), read_only=True)
    waits: list[float] = []
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause(3.0)
        before, spent, drawn = resident(), time.process_time(), app.drawn
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            table = app.screen.query_one("#peers")
            cursor = table.cursor  # type: ignore[attr-defined]
            pressed = time.monotonic()
            app.simulate_key("up" if cursor else "down")
            while table.cursor == cursor and time.monotonic() - pressed < 5:  # type: ignore[attr-defined]
                await asyncio.sleep(0.001)
            waits.append(time.monotonic() - pressed)
            await asyncio.sleep(0.3)
        took = time.monotonic() - began
        assert app.session is not None
        return {
            "services": app.session.peers.count("service"),
            "core": (time.process_time() - spent) / took,
            "frames per second": (app.drawn - drawn) / took,
            "key p50 ms": statistics.median(waits) * 1000,
            "key max ms": max(waits) * 1000,
            "memory grew MB": (resident() - before) / 1e6,
            "rows": app.session.traffic.added,
            "events dropped and told so": app.session.traffic.dropped,
        }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Measures the dashboard under load.")
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--rate", type=int, default=20_000, help="messages a second, all together")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    burst = max(round(options.rate * TICK / options.services), 1)
    with tempfile.TemporaryDirectory(prefix="ipcm-") as runtime:
        os.environ["IPCM_RUNTIME_DIR"] = runtime
        with ipcm.spawn("load") as bus:
            handles = [
                ipcm.service(
                    f"talker-{n:03}",
                    talker(f"talker-{(n + 1) % options.services:03}", burst),
                    bus=bus,
                    start="fork",
                )
                for n in range(options.services)
            ]
            figures = asyncio.run(watch(bus, options.seconds))
            for name, value in figures.items():
                print(f"{name:<28}{value:>12.2f}" if isinstance(value, float) else
                      f"{name:<28}{value:>12,}")  # fmt: skip
            bus.terminate()
            for handle in handles:
                handle.close()


if __name__ == "__main__":
    main()
