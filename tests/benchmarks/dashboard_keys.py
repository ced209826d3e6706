"""How long the dashboard's keys take on a real terminal: from the key to the picture."""

from __future__ import annotations

import os
import select
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.terminals import start_on_terminal

__all__ = ["press_keys"]

_SIZE: Final = (50, 160)
_CALM: Final = 0.4
_LIMIT: Final = 10.0


class Step(NamedTuple):
    """A key, what it is called, and what is written when its picture stands."""

    name: str
    key: bytes
    written: str


# A terminal is sent what changes: the words of a header come only with a whole screen.
STEPS: Final = (
    Step("help", b"?", "esc closes"),
    Step("help closed", b"q", "req/s"),
    Step("service", b"\r", "Overview"),
    Step("tab", b"]", "from → to"),
    Step("service closed", b"q", "req/s"),
    Step("traffic", b"l", "from → to"),
    Step("traffic closed", b"q", "req/s"),
    Step("composer", b"s", "Send a request"),
    Step("composer closed", b"\x1b", "req/s"),
)


class Console:
    """`ipcm tui` on a pseudo-terminal."""

    def __init__(self, bus: str) -> None:
        command = [sys.executable, "-m", "ipcm", "tui", bus]
        environment = {**os.environ, "TERM": "xterm-256color"}
        self._process, self._master = start_on_terminal(command, environment, size=_SIZE)

    def press(self, key: bytes) -> None:
        """As on a keyboard."""
        os.write(self._master, key)

    def read(self, seconds: float, until: str | None = None) -> bool:
        """Reads what it writes for so long, or until it has written something."""
        deadline = time.monotonic() + seconds
        seen, wanted = b"", until.encode() if until else None
        while wanted is None or wanted not in seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._master], [], [], left)[0]:
                return False
            try:
                seen += os.read(self._master, 1 << 16)
            except OSError:  # EIO: it has left
                return False
        return True

    def spent(self) -> float:
        """Seconds of CPU that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Leaves it."""
        self._process.terminate()
        self.read(_LIMIT)
        self._process.wait(_LIMIT)
        os.close(self._master)


def _waits(console: Console, seconds: float) -> Iterator[tuple[str, float]]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for step in STEPS:
            console.read(_CALM)
            pressed = time.monotonic()
            console.press(step.key)
            if not console.read(_LIMIT, step.written):
                raise TimeoutError(f"{step.name}: not within {_LIMIT} s")
            yield step.name, (time.monotonic() - pressed) * 1000


def press_keys(bus: str, seconds: float) -> dict[str, Any]:
    """Opens a console on a bus, and presses keys that open and close whole screens.

    Args:
        bus: its name; it has services. seconds: for how long.

    Returns:
        The console's share of one core, first without keys, then with them; and the median and
        the most that each key took, in milliseconds.
    """
    console = Console(bus)
    try:
        if not console.read(_LIMIT, STEPS[1].written):
            raise TimeoutError(f"no table of services within {_LIMIT} s")
        console.read(3.0)
        shares = []
        waits: dict[str, list[float]] = {}
        for pressing in (False, True):
            since, before = time.monotonic(), console.spent()
            if pressing:
                for name, wait in _waits(console, seconds):
                    waits.setdefault(name, []).append(wait)
            else:
                console.read(seconds / 2)
            shares.append((console.spent() - before) / (time.monotonic() - since))
    finally:
        console.close()
    figures: dict[str, Any] = {"terminal: core, no key": shares[0], "terminal: core": shares[1]}
    for name, each in waits.items():
        figures[f"{name}, p50 ms"] = statistics.median(each)
        figures[f"{name}, max ms"] = max(each)
    return figures
