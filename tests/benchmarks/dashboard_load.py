"""What the dashboard takes under load: a bus of many services that say a lot.

    python -m tests.benchmarks.dashboard_load [--services N] [--rate N] [--seconds N]

The services run in processes of their own, the console first without a terminal in this one. It
tells how much of a core the console took, how long a key waits for its answer (through Textual's
pilot, drawing included), how its memory grew in the first half of the time and in the second,
how many events it was shown and was not, and what the services did beside it: messages received,
and CPU spent on each, as ratios to what they did without it, before and after. Then the same bus is
looked at from a terminal, and keys that open and close whole screens are pressed there.
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
from tests.benchmarks.dashboard_keys import press_keys

TICK = 0.05


class Talker(ipcm.Service):
    """Sends so many messages a second to its neighbour."""

    interval = TICK
    neighbour = ""
    burst = 1
    received = 0

    def run_on_interval(self) -> None:
        client = self.client()
        for number in range(self.burst):
            client.try_message(self.neighbour, {"number": number, "text": "x" * 40})

    def run_on_general_message(self, message: Any) -> None:
        """They are counted."""
        self.received += 1

    def handle_request(self, request: Any, message: Any) -> list[float]:
        """Messages that have come, and seconds of CPU that it has used."""
        return [self.received, time.process_time()]


def talker(neighbour: str, burst: int) -> type[Talker]:
    """One that talks to this neighbour, so many messages every 50 ms."""
    return type("OneTalker", (Talker,), {"neighbour": neighbour, "burst": burst})


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Work:
    """What the services do over a while: messages and seconds of CPU, and how long it was."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._since = time.monotonic()
        self._before = self._now()

    def _now(self) -> tuple[float, float]:
        with self._bus.connect(f"asking-{time.monotonic_ns()}") as client:
            told = [client.request(name, None, 30) for name in self._bus.services()]
        return sum(each[0] for each in told), sum(each[1] for each in told)

    def end(self) -> tuple[float, float]:
        """Messages a second, and microseconds of CPU for each, since it was made."""
        messages, cpu = (now - was for now, was in zip(self._now(), self._before, strict=True))
        return messages / (time.monotonic() - self._since), cpu / messages * 1e6


def alone(bus: Bus, seconds: float) -> tuple[float, float]:
    """What they do while nobody looks."""
    work = Work(bus)
    time.sleep(seconds)
    return work.end()


async def watch(bus: Bus, seconds: float) -> dict[str, Any]:
    """Looks for so long, pressing a key now and then."""
    app = ConsoleApp(await open_source(bus, read_only=True), BusFacts.of(bus), read_only=True)
    waits: list[float] = []
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause(3.0)
        before, spent, drawn = resident(), time.process_time(), app.drawn
        work = await asyncio.to_thread(Work, bus)
        halfway = None
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if halfway is None and time.monotonic() - began > seconds / 2:
                halfway = resident()
            table = app.screen.query_one("#peers")
            cursor = table.cursor  # type: ignore[attr-defined]
            pressed = time.monotonic()
            app.simulate_key("up" if cursor else "down")
            while table.cursor == cursor and time.monotonic() - pressed < 5:  # type: ignore[attr-defined]
                await asyncio.sleep(0.001)
            waits.append(time.monotonic() - pressed)
            await asyncio.sleep(0.3)
        took = time.monotonic() - began
        core = (time.process_time() - spent) / took
        rate, cpu = await asyncio.to_thread(work.end)
        assert app.session is not None and halfway is not None
        return {
            "services": app.session.peers.count("service"),
            "core": core,
            "frames per second": (app.drawn - drawn) / took,
            "key p50 ms": statistics.median(waits) * 1000,
            "key max ms": max(waits) * 1000,
            "memory grew MB, first half": (halfway - before) / 1e6,
            "memory grew MB, second half": (resident() - halfway) / 1e6,
            "rows": app.session.traffic.added,
            "events dropped and told so": app.session.traffic.dropped,
            "messages per second": rate,
            "CPU us per message": cpu,
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
            quiet = min(options.seconds, 20.0)
            before = alone(bus, quiet)
            figures = asyncio.run(watch(bus, options.seconds))
            after = alone(bus, quiet)
            outside = press_keys(bus.name, min(options.seconds, 60.0))
            for number, name in enumerate(("messages per second", "CPU us per message")):
                base = statistics.mean((before[number], after[number]))
                figures[f"{name}, to alone"] = figures[name] / base
            for name, value in (figures | outside).items():
                print(f"{name:<28}{value:>12.2f}" if isinstance(value, float) else
                      f"{name:<28}{value:>12,}")  # fmt: skip
            bus.terminate()
            for handle in handles:
                handle.close()


if __name__ == "__main__":
    main()
