"""The console on one real bus, from its first verb to the bus's end; and what the bus makes of a
console that hangs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

import ipcm
from ipcm.bus import Bus
from ipcm_tui.app import ConsoleApp
from ipcm_tui.buses import HostBuses
from ipcm_tui.outputs import open_output
from ipcm_tui.screens.gone import GoneScreen
from ipcm_tui.screens.service import ServiceScreen
from tests.terminals import start_on_terminal

LATE = 10.0
"""Seconds: more than a busy machine makes of a millisecond, and less than a console may hang."""


class Talker(ipcm.Service):
    """Writes, and answers."""

    signals_to_grab = ("USR1",)

    @ipcm.endpoint
    def say(self, text: str) -> str:
        """Says it, louder on standard error."""
        print(f"out: {text}", flush=True)
        print(f"err: {text.upper()}", file=sys.stderr, flush=True)
        return text[::-1]


class Ticker(ipcm.Service):
    """Asks the talker a hundred times a second, and counts the answers that came late."""

    interval = 0.01
    slow = 0

    def run_on_interval(self) -> None:
        began = time.monotonic()

        def answered(response: Any, message: Any) -> None:
            del message
            self.slow += not response.ok or time.monotonic() - began > LATE

        with contextlib.suppress(ipcm.IPCMError):
            self.peer("counter").send_request(1, answered)

    @ipcm.endpoint
    def late(self) -> int:
        """How many answers came late, or were none."""
        return self.slow


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: Any) -> Iterator[Bus]:
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir(mode=0o700)
    with ipcm.spawn("living") as bus:
        yield bus


def test_verbs_output_a_new_life_and_the_end(bus: Bus, drive: Any, until: Any, screen: Any) -> None:
    app = ConsoleApp(buses=HostBuses(), outputs=open_output)
    first = ipcm.service("talker", Talker, bus=bus, start="fork", output="bus")
    lives = [first]

    async def script(pilot: Pilot[int]) -> None:
        async def sees(*wanted: str) -> None:
            await until(pilot, lambda: all(text in screen(app) for text in wanted), 20)

        async def run(line: str, *wanted: str) -> None:
            app.post_message(events.Paste(f":{line}"))
            await sees(line)
            await pilot.press("enter")
            await sees(*wanted)
            await pilot.press("escape")
            await sees("following")

        await sees("living")
        await pilot.press("enter")
        await sees("● live", "talker")
        await run("call talker say text=needle", "eldeen")
        await run('request talker say \'{"text": "again"}\'', "niaga")
        await run("describe talker", "Says it, louder on standard error.")
        await run("ps", "running")
        await run("signal talker USR1", "$ ipcm signal talker USR1")
        await run("call talker nothing", "no endpoint 'nothing'", "(exit code 1)")
        await run("call talker say text=5", "reads as JSON stands in quotes", "(exit code 1)")
        await run("-b living ipcm", "^ no verb 'ipcm'")
        for line in (
            "terminate --all -y --help",
            "help terminate",
            "ipcm -b living terminate --help",
        ):
            await run(line, "Ask services to end, and wait until they have.", "--no-wait")

        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ServiceScreen))
        assert app.session is not None
        assert [peer.name for peer in app.session.peers.in_order()] == ["talker"]
        await pilot.press("7")
        await sees("out: needle", "err: NEEDLE", "out: again")
        app.post_message(events.Paste("/needle"))
        await sees("find needle")
        await pilot.press("enter")
        await until(pilot, lambda: any(line[1:2] in "▌*" and "NEEDLE" in line
                                       for line in screen(app).splitlines()))  # fmt: skip

        first.close()
        lives.append(ipcm.service("talker", Talker, bus=bus, start="fork", output="bus"))
        await sees("✕")  # this screen stays on the life that has ended
        await pilot.press("q")
        await sees(f"{lives[0].child_pid}", f"{lives[1].child_pid}", "● up", "✕ ended")
        old, new = app.session.peers.in_order()
        assert (old.name, new.name) == ("talker", "talker") and old.key != new.key
        assert (old.is_gone, new.is_gone) == (True, False)
        await pilot.press("z")
        await until(pilot, lambda: app.session.peers.in_order() == [new])  # type: ignore[union-attr]

        bus.shutdown()
        await until(pilot, lambda: isinstance(app.screen, GoneScreen), 20)
        await sees("The bus has ended")

    try:
        drive(app, script, (120, 40), settled=False)
    finally:
        for each in lives:
            each.close()


@pytest.mark.parametrize(
    "seconds", [1.5, pytest.param(60.0, marks=[pytest.mark.slow, pytest.mark.timeout(150)])]
)
def test_a_console_that_hangs_or_is_killed_costs_services_nothing(bus: Bus, seconds: float) -> None:
    with (
        ipcm.service("counter", handle_request=lambda s, r, m: 0, bus=bus, start="fork") as counter,
        ipcm.service("ticker", Ticker, bus=bus, start="fork") as ticker,
        bus.observe(messages=False) as observer,
    ):

        def answered() -> int:
            observer.refresh()
            deadline = time.monotonic() + 10
            before = observer.snapshots.get("counter")
            while (now := observer.snapshots.get("counter")) is None or now is before:
                assert time.monotonic() < deadline
                observer.poll(0.1)
            assert not now.backlog.get("ticker")
            return now.total.count

        code = "import sys; from ipcm_tui.app import main; sys.exit(main('living'))"
        environment = {**os.environ, "COLUMNS": "120", "LINES": "40", "TERM": "xterm-256color",
                       "PYTHONPATH": ":".join(sys.path)}  # fmt: skip
        console, ours = start_on_terminal([sys.executable, "-c", code], environment)
        with console:
            drawn = threading.Event()
            reader = threading.Thread(target=drain, args=(ours, b"ticker", drawn))
            reader.start()
            try:
                assert drawn.wait(30)
                os.kill(console.pid, signal.SIGSTOP)
                began = time.monotonic()
                while time.monotonic() - began < seconds:
                    before, deadline = answered(), time.monotonic() + 10
                    while answered() < before + 20:
                        assert time.monotonic() < deadline, "they go on as they did"
                        observer.poll(0.1)
                console.kill()
                console.wait(10)
                before = answered()
                while answered() <= before:
                    observer.poll(0.05)
            finally:
                console.kill()
                console.wait(10)
                reader.join(10)
                os.close(ours)
        assert ticker.call("late") == 0
        assert {counter.service_name, ticker.service_name} <= set(bus.services())


def drain(terminal: int, wanted: bytes, seen: threading.Event) -> None:
    """Reads all that comes, and says when something was among it."""
    said = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(terminal, 65536):
            said = said[-200:] + part
            if wanted in said:
                seen.set()
