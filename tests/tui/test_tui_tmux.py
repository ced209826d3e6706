"""The demo in a real terminal emulator: what a person types, and what stands on the screen."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TMUX = shutil.which("tmux")

pytestmark = [
    pytest.mark.slow,  # every step of it is tested by itself
    pytest.mark.skipif(TMUX is None, reason="there is no tmux here to draw a terminal"),
]


class Tmux:
    """A server of its own with one window, 120 columns by 40 lines."""

    def __init__(self, home: Path, command: list[str], environment: dict[str, str]) -> None:
        self._socket = str(home / "tmux")
        self._environment = environment
        self("new-session", "-d", "-x", "120", "-y", "40", *command)

    def __call__(self, *words: str) -> str:
        assert TMUX is not None
        done = subprocess.run(
            [TMUX, "-S", self._socket, "-f", os.devnull, *words],
            env=self._environment, capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        return done.stdout

    def shows(self, wanted: str, limit: float = 25.0) -> str:
        """Waits until a text is on the screen."""
        deadline = time.monotonic() + limit
        while wanted not in (screen := self("capture-pane", "-p")):
            assert time.monotonic() < deadline, f"no {wanted!r} in\n{screen}"
            time.sleep(0.05)
        return screen

    def press(self, *keys: str) -> None:
        self("send-keys", *keys)

    def ended(self, limit: float = 15.0) -> bool:
        """Waits until the program, and with it the window and the server, is gone."""
        deadline = time.monotonic() + limit
        while self("list-sessions"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file.txt").write_text("one two three\n")
    (tmp_path / "run").mkdir(mode=0o700)
    environment = {
        **os.environ,
        "PYTHONPATH": ":".join(sys.path),
        "IPCM_RUNTIME_DIR": str(tmp_path / "run"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "LC_ALL": "C.UTF-8",
    }
    for name in ("TMUX", "COLUMNS", "LINES"):
        environment.pop(name, None)  # of the terminal that the tests were started on
    command = [sys.executable, "-m", "ipcm", "demo", str(tmp_path / "tree"), "--name", "show"]
    try:
        started = Tmux(tmp_path, command, environment)
        try:
            yield started
        finally:
            started("kill-server")
    finally:
        end_all(environment["IPCM_RUNTIME_DIR"])


def end_all(runtime: str) -> None:
    """Kills what still runs on the buses of a directory: tmux leaves the test's process group."""
    wanted = f"IPCM_RUNTIME_DIR={runtime}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)


def test_a_person_looks_asks_and_leaves(tmux: Tmux, tmp_path: Path) -> None:
    screen = tmux.shows("probe → store")
    assert "● demo" in screen and "indexer" in screen
    tmux.press("/")
    tmux.shows("name~=ind p95>20ms")
    tmux.press("s", "t", "o", "r")
    tmux.shows("stor: 1 of")
    tmux.press("Enter")
    tmux.shows("stor: 1 of")
    tmux.press("Enter")
    tmux.shows("answered per second")
    tmux.press("8")
    tmux.shows("search(")
    tmux.press("q")
    tmux.shows("Services and peers")
    tmux.press("s")
    tmux.shows("Send a request")
    tmux.press("s", "t", "a", "t", "s", "Tab")
    tmux.shows("stats(")
    tmux.press("C-j")
    tmux.shows("answered in")
    tmux.press("Escape")
    tmux.shows("(you) → store")
    tmux.shows("following")
    tmux.press("?")
    tmux.shows("Ask a service to end")
    tmux.press("Escape")
    tmux.shows("following")
    tmux.press("q")
    assert tmux.ended()
    assert not list((tmp_path / "run").iterdir()), "the demo takes its bus with it"
