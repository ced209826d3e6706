"""Programs of ours in a fresh interpreter, and helpers from whatever process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipcm._os.fresh import execute
from ipcm._os.helper import start_helper
from ipcm._os.launcher.starter import end_launcher, launcher_pid, warm_launcher
from ipcm._os.surroundings import Surroundings
from tests.helpers import wait_until

from .processes import died, exit_of, fds, in_child, read_all

HERE = "tests._os.entries"


def run(entry: str, *arguments: str, **options: Any) -> tuple[int, str]:
    """Executes and waits: the exit, and what went to 1 and 2."""
    read, write = os.pipe()
    pid = execute(f"{HERE}:{entry}", arguments, streams=(None, write, write), **options)
    os.close(write)
    text = read_all(read, 30).decode()
    return exit_of(pid), text


def test_it_gets_arguments_and_descriptors_and_nothing_else() -> None:
    before = fds()
    held = os.open(os.devnull, os.O_RDONLY)
    read, write = os.pipe()
    # Whatever number it has here, also one that something else gets there.
    low = os.dup(write)
    pid = execute(f"{HERE}:tell", ["word"], [low])
    for fd in (held, write, low):
        os.close(fd)
    word, its, parent, count, _ = read_all(read, 30).decode().split(" ")
    assert (word, int(its), int(parent)) == ("word", pid, os.getpid())
    # The one that it was given, and that of its listing.
    assert int(count) == sum(os.get_inheritable(fd) for fd in before) + 2
    assert exit_of(pid) == 3
    assert fds() == before


def test_how_it_exits() -> None:
    assert run("end", "5") == (5, "")
    code, text = run("fail")
    assert code == 1
    assert text.startswith("printed\n") and "LookupError: no such table" in text


def test_an_interrupt_does_nothing_to_it_from_the_beginning_on() -> None:
    read, write = os.pipe()
    pid = execute(f"{HERE}:wait_for_signal", [], [write])
    os.close(write)
    os.kill(pid, signal.SIGINT)
    assert read_all(read, 30, b"\n") == b"there\n"
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGUSR1)
    assert exit_of(pid) == 7


def test_no_process_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fds()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(FileNotFoundError):
        execute(f"{HERE}:end", ["0"])
    assert fds() == before


def test_surroundings_are_the_same_bytes_for_the_same_and_put_on_as_they_were(
    tmp_path: Path,
) -> None:
    def check() -> Any:
        here = Surroundings.take()
        assert here.pack() == Surroundings.take().pack()
        os.environb[b"IPCM_ODD"] = b"\xff=\n"
        os.chdir(tmp_path)
        sys.path.insert(0, "first")
        sys.argv = ["program", "argument"]
        vars(sys.modules["__main__"])["__file__"] = "program.py"
        there = Surroundings.unpack(Surroundings.take().pack())
        here.put_on()
        back = [os.getcwd() == here.directory, sys.path == here.path, sys.argv == here.arguments]
        back.append(b"IPCM_ODD" in os.environb)
        there.put_on()
        return [
            back,
            os.environb[b"IPCM_ODD"] == b"\xff=\n",
            [os.getcwd(), sys.path[0], sys.argv, sys.modules["__main__"].__file__],
        ]

    assert in_child(check) == [
        [True, True, True, False],
        True,
        [str(tmp_path), "first", ["program", "argument"], "program.py"],
    ]


def test_a_directory_that_was_removed(tmp_path: Path) -> None:
    def check() -> Any:
        gone = tmp_path / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
        there = Surroundings.take()
        os.chdir(tmp_path)
        there.put_on()
        return [there.directory, os.getcwd()]

    assert in_child(check) == [None, str(tmp_path)]


@contextlib.contextmanager
def thread() -> Iterator[None]:
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        yield
    finally:
        end.set()
        other.join()


class TestHelper:
    def help(self) -> list[str]:
        """Starts one, and returns what it tells."""
        read, write = os.pipe()

        def forked() -> int:
            os.write(write, b"forked here")
            return 0

        pid = start_helper(forked, f"{HERE}:tell", ["called"], [write])
        os.close(write)
        told = read_all(read, 30).decode().split(" ")
        if told[0] == "forked" or int(told[2]) == os.getpid():
            exit_of(pid)
        else:
            assert died(pid)
        return told

    def test_forked_where_there_is_one_thread(self) -> None:
        assert self.help() == ["forked", "here"]

    def test_afresh_where_there_are_threads_and_no_launcher(self) -> None:
        with thread():
            word, _, parent, _, stdin = self.help()
        assert (word, int(parent), stdin) == ("called", os.getpid(), os.devnull)
        assert launcher_pid() is None

    def test_by_the_launcher_where_there_is_one(self) -> None:
        before = fds()
        with thread():
            warm_launcher()
            try:
                word, _, parent, _, stdin = self.help()
                assert (word, int(parent), stdin) == ("called", launcher_pid(), os.devnull)
            finally:
                end_launcher()
        wait_until(lambda: fds() == before)
