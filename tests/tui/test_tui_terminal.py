"""The demo on a real terminal: signals and keys end it, at any moment, and leave nothing."""

from __future__ import annotations

import contextlib
import os
import pty
import queue
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ipcm_tui.terminal import HUNG_UP, LastingFile, TerminalDriver, hung_up
from tests.helpers import members_of, wait_until
from tests.terminals import start_on_terminal

ENDING = 20.0
"""Seconds that an end may take; on a machine that does nothing else it is done within one."""


class Terminal:
    """`ipcm demo` on a pseudo-terminal, in a session of its own.

    Args:
        size: lines and columns; None for a terminal that does not know, as a serial line.
    """

    def __init__(self, runtime: Path, root: Path, size: tuple[int, int] | None) -> None:
        environment = {**os.environ, "TERM": "xterm-256color", "IPCM_RUNTIME_DIR": str(runtime)}
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)  # of another terminal
        command = [sys.executable, "-m", "ipcm", "demo", str(root)]
        self.process, self.master = start_on_terminal(command, environment, size=size)
        self.seen = b""

    def read(self, seconds: float) -> bool:
        """Takes in what it writes for so long; False once it has hung up."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                break
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:  # EIO: nobody has the terminal open any more
                return False
        return True

    def read_until(self, word: bytes, limit: float = 30.0) -> None:
        deadline = time.monotonic() + limit
        while word not in self.seen:
            assert self.read(0.05) and time.monotonic() < deadline, self.seen[-2000:]

    def end(self) -> int:
        deadline = time.monotonic() + ENDING
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.seen[-2000:]
            self.read(0.02)
        return self.process.returncode

    def others(self) -> list[int]:
        """Living processes of its session."""
        return members_of(session=self.process.pid)

    def vanish(self) -> None:
        """Its window is closed."""
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        for pid in self.others():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        if self.master >= 0:
            os.close(self.master)


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file.txt").write_text("one two three")
    size = getattr(request, "param", (24, 80))
    started = Terminal(tmp_path / "r", tmp_path / "tree", size)
    try:
        yield started
    finally:
        started.close()


def assert_nothing_left(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.others() == []
    runtime = tmp_path / "r"
    assert not runtime.exists() or list(runtime.iterdir()) == []


@pytest.mark.parametrize(
    ("terminal", "key"), [((24, 80), b"q"), (None, b"\x03")], indirect=["terminal"]
)
def test_a_key_ends_it(terminal: Terminal, tmp_path: Path, key: bytes) -> None:
    terminal.read_until(b"store")
    os.write(terminal.master, key)
    assert terminal.end() == 0
    assert_nothing_left(terminal, tmp_path)


@pytest.mark.parametrize("told", [(), (signal.SIGHUP,), (signal.SIGHUP, signal.SIGCONT)])
def test_it_ends_with_its_terminal(
    terminal: Terminal, tmp_path: Path, told: tuple[signal.Signals, ...]
) -> None:
    """Who closes a window sends SIGHUP to most of what runs in it, not to all; the kernel sends
    SIGCONT behind it, for who has been stopped.
    """
    terminal.read_until(b"store")
    terminal.vanish()
    for number in told:
        terminal.process.send_signal(number)
    assert terminal.process.wait(ENDING) == HUNG_UP
    assert_nothing_left(terminal, tmp_path)


def test_it_goes_on_after_a_stop_that_nobody_told_it_of(terminal: Terminal, tmp_path: Path) -> None:
    terminal.read_until(b"store")
    for _ in range(2):
        terminal.seen = b""
        terminal.process.send_signal(signal.SIGSTOP)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.read_until(b"store")
    os.write(terminal.master, b"q")
    assert terminal.end() == 0
    assert_nothing_left(terminal, tmp_path)


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.read_until(b"store")
    stat = Path(f"/proc/{terminal.process.pid}/stat")
    for _ in range(2):
        os.write(terminal.master, b"\x1a")
        terminal.read_until(b"\x1b[?1049l")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", ENDING)
        assert termios.tcgetattr(terminal.master)[3] & termios.ICANON
        terminal.seen = b""
        terminal.process.send_signal(signal.SIGCONT)
        terminal.read_until(b"store")
    os.write(terminal.master, b"q")
    assert terminal.end() == 0
    assert_nothing_left(terminal, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("delay", [0.15, 0.35, 0.55, 0.8])
def test_a_signal_while_it_starts(
    terminal: Terminal, tmp_path: Path, number: signal.Signals, delay: float
) -> None:
    terminal.read(delay)
    terminal.process.send_signal(number)
    code = terminal.end()
    # Before anything of ours runs, the interpreter says in its own words that it was interrupted.
    early = code in (1, -signal.SIGINT) and b", in main" not in terminal.seen
    assert early or b"Traceback" not in terminal.seen, terminal.seen.decode(errors="replace")
    assert_nothing_left(terminal, tmp_path)


def test_a_terminal_that_goes() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as opened:
        file = LastingFile(opened)
        assert file.fileno() == slave
        file.write("one")
        file.flush()
        assert os.read(master, 10) == b"one"
        assert not hung_up(slave)
        os.close(master)
        assert hung_up(slave)
        assert file.write("two") == 3
        file.flush()
        file.write("x" * 100_000)
        # What is left in it cannot be written by whoever closes it, either.
        with contextlib.suppress(OSError):
            opened.close()


class Keyboard(threading.Thread):
    """The thread of a driver that reads a pipe in place of a terminal."""

    fileno: int

    def __init__(self) -> None:
        super().__init__()
        self.fileno, self.keys = os.pipe()
        self.heard: queue.Queue[Any] = queue.Queue()
        self.driver = SimpleNamespace(
            fileno=self.fileno, exit_event=threading.Event(), _debug=False,
            process_message=self.heard.put,
        )  # fmt: skip

    def run(self) -> None:
        TerminalDriver.run_input_thread(cast("Any", self.driver))

    def close(self) -> None:
        self.driver.exit_event.set()
        self.join(10)
        os.close(self.fileno)
        os.close(self.keys)


def test_an_escape_alone_is_the_key_and_one_with_more_behind_it_is_not() -> None:
    keyboard = Keyboard()
    keyboard.start()
    try:
        os.write(keyboard.keys, b"\x1b")
        assert keyboard.heard.get(timeout=20).key == "escape"
        os.write(keyboard.keys, b"\x1b[A")
        assert keyboard.heard.get(timeout=20).key == "up"
        os.write(keyboard.keys, "a\u00e9".encode())
        assert [keyboard.heard.get(timeout=20).character for _ in "ab"] == ["a", "\u00e9"]
        assert keyboard.heard.empty()
    finally:
        keyboard.close()


def test_what_a_connection_has_broken_into_pieces_is_whole_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ipcm_tui.models.escapes._SPLIT", 20.0)  # a machine may stand still
    keyboard = Keyboard()
    keyboard.start()

    def send(*pieces: bytes) -> None:
        for piece in pieces:
            os.write(keyboard.keys, piece)
            # Longer than an escape may stand alone.
            assert not keyboard.driver.exit_event.wait(0.15)

    try:
        send(b"\x1b[", b"A", b"\x1b[<0;1", b"2;5M")
        assert keyboard.heard.get(timeout=20).key == "up"
        click = keyboard.heard.get(timeout=20)
        assert (click.x, click.y) == (11, 4)
        # Whatever the pause, nothing in what is pasted is a key, and its end is not missed.
        send(b"\x1b[20", b"0~one\x1b", b"[201", b"~")
        assert keyboard.heard.get(timeout=20).text == "one"
        os.write(keyboard.keys, b"x\x1b\x1b")
        heard = [keyboard.heard.get(timeout=20).key for _ in range(3)]
        assert heard == ["x", "escape", "escape"]
        assert keyboard.heard.empty()
    finally:
        keyboard.close()
