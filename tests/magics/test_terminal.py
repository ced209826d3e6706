"""The magics in IPython on a terminal, and in one that is fed from a pipe."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipcm
from tests.helpers import gone, wait_until
from tests.magics.kernels import processes_of
from tests.terminals import start_on_terminal

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    yield {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(tmp_path),
        "TERM": "xterm",
        "COLUMNS": "150",
    }
    wait_until(lambda: not processes_of(tmp_path))


CELLS = r"""
%load_ext ipcm
get_ipython().run_cell_magic("ipcm", "service echo", "import os\nprint('noise')\n@endpoint\ndef say(text: str) -> str:\n    return text\n@endpoint\ndef pid() -> int:\n    return os.getpid()\n")
%ipcm call echo say text=hello
%ipcm ps
%ipcm watch
%ipcm psx
%ipcm call echo say
%ipcm ps?
%ipcm logs echo
"""  # noqa: E501


def test_fed_from_a_pipe(environment: dict[str, str]) -> None:
    done = subprocess.run(
        COMMAND,
        input=CELLS,
        env=environment,
        capture_output=True,
        text=True,
        timeout=55,
        check=True,
    )
    out = done.stdout
    for part in (
        "say(text: str) -> str",
        "'hello'",
        "NAME",
        "bus bus-",
        "UsageError: no verb 'psx': did you mean 'ps'?",
        "RemoteError: echo: bad arguments",
        "Usage: %ipcm ps",
        "noise",
    ):
        assert part in out + done.stderr, part
    assert "Traceback" not in out + done.stderr
    assert not ipcm.buses(), "the end of IPython is the end of its bus"


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process, self.fd = start_on_terminal(COMMAND, environment, controlling=True)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_for(self, text: str, limit: float = 30.0) -> str:
        """Reads on until there is this text; returns what came up to it."""
        deadline = time.monotonic() + limit
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} in {self.seen[-2000:]!r}"
            if select.select([self.fd], [], [], left)[0]:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
        before, _, self.seen = self.seen.partition(text)
        return before

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(10)
        os.close(self.fd)


def test_on_a_terminal(environment: dict[str, str]) -> None:
    terminal = Terminal(environment)
    try:
        terminal.wait_for("In [1]")
        terminal.type("%load_ext ipcm\n")
        terminal.wait_for("In [2]")
        with ipcm.spawn("here") as bus, ipcm.service("echo", ipcm.EchoService, bus=bus):
            terminal.type("%ipcm ps --timeout 10\n")
            assert "running" in terminal.wait_for("In [3]")
            terminal.type("%ipcm watch echo\n")
            terminal.wait_for("echo on bus here")
            terminal.wait_for("echo on bus here")  # refreshed in place
            terminal.type("\x03")
            terminal.wait_for("In [4]")
            terminal.type("%ipcm kill echo\n")
            terminal.wait_for("[y/N]")
            terminal.type("y\n")
            assert "ended" in terminal.wait_for("In [5]")
        terminal.type("exit\n")
        wait_until(lambda: gone(terminal.process.pid))
    finally:
        terminal.close()
