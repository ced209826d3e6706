"""`demo`: it runs, sums up, and leaves nothing behind, however it ends."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from pathlib import Path

import pytest

import ipcm
from tests.console.commands import LIMIT, ipcm_run, left_behind, rows, running, terminal
from tests.helpers import wait_until

INTEGERS = (
    "files_indexed", "bytes", "workers_run", "requests_answered", "errors", "peers_seen",
)  # fmt: skip

PROMPTLY = 6.0
"""Seconds that an end may take; on a machine that does nothing else it is done within one."""

OURS = f"{Path(ipcm.__file__).parent}/"


def test_the_demo_sums_up_in_one_document(home: Path, files: Path) -> None:
    run = ipcm_run("demo", str(files), "--no-tui", "--seconds", "3", "-o", "json")
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert set(INTEGERS) <= set(summary)
    assert all(type(summary[name]) is int for name in INTEGERS)
    assert summary["files_indexed"] == 20
    assert summary["bytes"] == sum(path.stat().st_size for path in files.iterdir())
    assert summary["errors"] == 0
    assert summary["workers_run"] > 0 and summary["requests_answered"] > 0
    assert left_behind(home) == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_demo_with_its_summary(
    home: Path, files: Path, number: int, code: int
) -> None:
    with running("demo", str(files), "--no-tui", "-o", "json", "--name", "mine") as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if "running on bus mine" in line:
                break
        assert ipcm.find_bus("mine").services() == ["store", "indexer", "probe"]
        started = time.monotonic()
        demo.send_signal(number)
        demo.send_signal(signal.SIGINT)
        output, error = demo.communicate(timeout=LIMIT)
        assert time.monotonic() - started < PROMPTLY
        # The second may be seen first.
        assert demo.returncode in (code, 130)
        assert set(INTEGERS) <= set(json.loads(output))
        assert "Traceback" not in error
    assert left_behind(home) == []


def test_a_signal_to_all_of_the_demo_ends_it_with_what_was_done(home: Path, files: Path) -> None:
    with running("demo", str(files), "-o", "json", "--no-tui", process_group=0) as demo:
        wait_until(lambda: [bus.name for bus in ipcm.buses()] == ["demo"], LIMIT)
        wait_until(lambda: "store" in ipcm.find_bus("demo").services(), LIMIT)
        with ipcm.attach("store", ipcm.find_bus("demo")) as store:
            wait_until(lambda: store.call("stats")["files_indexed"] == 20, LIMIT)
        os.killpg(demo.pid, signal.SIGTERM)  # as `timeout` does
        output, error = demo.communicate(timeout=LIMIT)
    assert demo.returncode == 143 and "Traceback" not in error
    summary = json.loads(output)
    assert summary["files_indexed"] == 20
    assert summary["workers_run"] > 0 and summary["requests_answered"] > 0
    assert left_behind(home) == []


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.06, 0.09, 0.12, 0.15, 0.18, 0.22, 0.3])
def test_a_demo_hit_while_it_starts_leaves_nothing(home: Path, files: Path, delay: float) -> None:
    with running("demo", str(files), "--no-tui") as demo:
        # Not a wait for something: the moment of the hit is what the test varies.
        select.select([], [], [], delay)
        started = time.monotonic()
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)
        _, error = demo.communicate(timeout=LIMIT)
        assert time.monotonic() - started < PROMPTLY
        # 1: the interpreter had not come to us yet, so no line of ours is in what it says.
        early = demo.returncode == 1 and OURS not in error and "KeyboardInterrupt" in error
        assert early or demo.returncode in (130, -signal.SIGINT), error
    assert left_behind(home) == []
    assert demo.returncode != 130 or "Traceback" not in error


def test_the_demo_from_a_second_terminal(home: Path, files: Path) -> None:
    with running("demo", str(files), "--no-tui") as demo:
        wait_until(lambda: [bus.name for bus in ipcm.buses()] == ["demo"])
        bus = ipcm.find_bus("demo")
        wait_until(lambda: len(bus.services()) == 3)
        wait_until(lambda: rows("request", "store", "stats")["files_indexed"] == 20, LIMIT)
        assert ipcm_run("terminate", "probe").returncode == 0
        assert {row["name"] for row in rows("ps") if row["kind"] == "service"} == {
            "store", "indexer",
        }  # fmt: skip
        assert ipcm_run("terminate", "--all", "-y").returncode == 0
        output, error = demo.communicate(timeout=LIMIT)
        assert demo.returncode == 0
        assert "probe has ended" in error and "no service is left" in error
        assert "files indexed      20\n" in output
    assert left_behind(home) == []


def test_a_demo_on_what_is_no_directory(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (str(tmp_path / "nowhere"), str(file), "a\udcffb", ""):
        run = ipcm_run("demo", path, "--no-tui", "--seconds", "1")
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.startswith("ipcm: ")
    run = ipcm_run("demo", str(tmp_path), "--no-tui", "--seconds", "1", "--name", "../x")
    assert run.returncode == 2
    assert left_behind(home) == []


def test_a_demo_whose_name_is_taken(bus: ipcm.Bus, files: Path) -> None:
    run = ipcm_run("demo", str(files), "--no-tui", "--seconds", "1", "--name", "here")
    assert run.returncode == 2 and "here" in run.stderr


def test_on_a_terminal_the_demo_runs_the_front_end(
    home: Path, files: Path, front_end: None
) -> None:
    with terminal("demo", str(files)) as demo:
        demo.expect("front end on demo demo")
        assert ipcm.find_bus("demo").services() == ["store", "indexer", "probe"]
        demo.type("\r")
        assert demo.end() == 7
    assert left_behind(home) == []


def test_a_hangup_ends_the_front_end_and_the_demo(home: Path, files: Path, front_end: None) -> None:
    with terminal("demo", str(files)) as demo:
        demo.expect("front end on demo demo")
        started = time.monotonic()
        demo.process.send_signal(signal.SIGHUP)
        assert demo.end() == 129
        assert time.monotonic() - started < PROMPTLY
    assert left_behind(home) == []


def test_the_full_screen_of_a_bus(bus: ipcm.Bus, front_end: None) -> None:
    with terminal("tui") as tui:
        tui.expect("front end on here ")
        tui.type("\r")
        assert tui.end() == 7
    assert bus.services() == ["store", "probe"]


def test_the_full_screen_needs_a_terminal(bus: ipcm.Bus) -> None:
    run = ipcm_run("tui")
    assert run.returncode == 2 and "terminal" in run.stderr
