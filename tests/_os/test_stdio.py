"""Standard input and output of a process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ipcm._os.stdio import detach_input, open_null, redirect, save

from .processes import fds, in_child


def fresh(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def on_files(tmp_path: Path) -> tuple[Path, Path]:
    """Puts 1 and 2 on files, with Python's streams as in any program."""
    paths = tmp_path / "1", tmp_path / "2"
    for fd, path in enumerate(paths, 1):
        target = fresh(path)
        os.dup2(target, fd)
        os.close(target)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 (the test's process ends)
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 (the test's process ends)
    return paths


def test_output_goes_elsewhere_and_what_was_buffered_does_not(tmp_path: Path) -> None:
    def check() -> None:
        old, _ = on_files(tmp_path)
        print("early")
        target = fresh(tmp_path / "new")
        stream = sys.stdout
        redirect(stdout=target, stderr=target)
        assert sys.stdout is stream
        print("late", flush=True)
        os.write(2, b"raw\n")
        subprocess.run(["echo", "inherited"], check=True)
        assert old.read_text() == "early\n"
        assert (tmp_path / "new").read_text() == "late\nraw\ninherited\n"
        os.fstat(target)  # still the caller's

    in_child(check)


def test_what_is_not_named_stays(tmp_path: Path) -> None:
    def check() -> None:
        out, err = on_files(tmp_path)
        redirect(stderr=fresh(tmp_path / "new"))
        print("out", flush=True)
        print("err", file=sys.stderr, flush=True)
        assert out.read_text() == "out\n"
        assert err.read_text() == ""
        assert (tmp_path / "new").read_text() == "err\n"

    in_child(check)


def test_two_can_change_places(tmp_path: Path) -> None:
    def check() -> None:
        out, err = on_files(tmp_path)
        before = fds()
        redirect(stdout=2, stderr=1)
        os.write(1, b"one")
        os.write(2, b"two")
        assert out.read_text() == "two"
        assert err.read_text() == "one"
        assert fds() == before

    in_child(check)


def test_onto_itself_is_nothing_and_stays_inheritable(tmp_path: Path) -> None:
    def check() -> None:
        out, _ = on_files(tmp_path)
        redirect(stdout=1)
        subprocess.run(["echo", "inherited"], check=True)
        assert out.read_text() == "inherited\n"

    in_child(check)


def test_streams_that_do_not_stand_on_a_descriptor_are_replaced(tmp_path: Path) -> None:
    def check() -> None:
        on_files(tmp_path)
        captured = sys.stdout = io.StringIO()
        setattr(sys, "stderr", None)  # noqa: B010 (as under pythonw)
        sys.stdin = io.StringIO("captured")
        source = tmp_path / "in"
        source.write_text("from a file\n")
        target = fresh(tmp_path / "new")
        redirect(stdin=os.open(source, os.O_RDONLY), stdout=target, stderr=target)
        print("out")
        print("odd: \udcff", file=sys.stderr)
        assert sys.stdin.readline() == "from a file\n"
        assert captured.getvalue() == ""
        assert (tmp_path / "new").read_text() == "out\nodd: \\udcff\n"
        for fd, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
            assert stream.fileno() == fd
            stream.close()
            os.fstat(fd)  # the stream does not take the descriptor along

    in_child(check)


def test_a_stream_on_another_descriptor_is_replaced(tmp_path: Path) -> None:
    def check() -> None:
        on_files(tmp_path)
        kept = sys.stdout = (tmp_path / "private").open("w")
        print("early")
        redirect(stdout=fresh(tmp_path / "new"))
        print("late")
        assert (tmp_path / "private").read_text() == "early\n"
        assert (tmp_path / "new").read_text() == "late\n"
        kept.close()

    in_child(check)


def test_nothing_is_redirected_to_what_is_not_open(tmp_path: Path) -> None:
    def check() -> None:
        out, _ = on_files(tmp_path)
        before = fds()
        with pytest.raises(OSError, match="Bad file descriptor"):
            redirect(stdout=fresh(tmp_path / "new"), stderr=4711)
        print("out", flush=True)
        assert out.read_text() == "out\n"
        assert len(fds() - before) == 1  # that of the new file, the test's own

    in_child(check)


def test_saved_copies_outlive_a_redirection(tmp_path: Path) -> None:
    def check() -> None:
        out, err = on_files(tmp_path)
        saved = save()
        target = fresh(tmp_path / "new")
        redirect(stdout=target, stderr=target)
        assert set(saved) == {"stdout", "stderr"}
        assert len(saved) == 2
        assert saved["stdout"] is saved["stdout"]
        saved["stdout"].write("a line\n")
        saved["stderr"].write("odd: \udcff\n")
        assert out.read_text() == "a line\n"
        assert err.read_text() == "odd: \\udcff\n"
        assert not any(os.get_inheritable(each.fileno()) for each in saved.values())
        assert (tmp_path / "new").read_text() == ""

    in_child(check)


def test_threads_that_ask_for_a_copy_at_once_get_the_same() -> None:
    def check() -> None:
        sys.setswitchinterval(1e-6)
        ready = threading.Barrier(4)
        with ThreadPoolExecutor(4) as pool:
            for _ in range(20):
                saved = save()

                def ask(_: int, saved: Mapping[str, Any] = saved) -> Any:
                    ready.wait()
                    return saved["stderr"]

                found = set(pool.map(ask, range(4)))
                assert found == {saved["stderr"]}
                found.clear()  # a second one would take the descriptor with it
                saved["stderr"].close()
                saved["stdout"].close()

    in_child(check)


def test_what_is_closed_is_not_saved() -> None:
    def check() -> list[str]:
        os.close(1)
        return list(save())

    assert in_child(check) == ["stderr"]


def test_the_null_device_reads_as_empty_and_takes_everything() -> None:
    null = open_null()
    try:
        assert os.read(null, 10) == b""
        assert os.write(null, b"gone") == 4
        assert not os.get_inheritable(null)
    finally:
        os.close(null)


def test_detached_input_is_empty() -> None:
    def check() -> list[str]:
        read, write = os.pipe()
        os.write(write, b"keys of a terminal\n")
        os.dup2(read, 0)
        before = fds()
        detach_input()
        assert fds() == before
        assert os.read(0, 10) == b""
        told = subprocess.run(["cat"], check=True, capture_output=True, text=True)
        return [told.stdout, sys.stdin.read()]

    assert in_child(check) == ["", ""]
