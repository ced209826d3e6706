"""The whole demo, on real files: services, workers, changes, failures, and what is left."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm._os.fork import fork
from ipcm.demo import indexer as indexer_module
from ipcm.demo import run as run_module
from ipcm.demo.probe import Probe
from ipcm.demo.run import Demo
from ipcm.demo.store import Store
from ipcm.demo.worker import Job, run_job
from ipcm.errors import InvalidName, NameTaken, RemoteError, ServiceStartError
from ipcm.role import launch
from tests.demo.asking import await_passes, found, passes, stats, summary
from tests.demo.trees import make_awkward
from tests.helpers import gone, members_of, wait_until

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def runtime() -> Path:
    """The runtime directory of this test."""
    return Path(os.environ["IPCM_RUNTIME_DIR"])


# What it does


def test_indexes_a_tree_and_sums_up(tree: Path) -> None:
    for number in range(200):
        (tree / f"file{number}.txt").write_text(f"number n{number} of many\n")
    with Demo(tree) as demo:
        assert demo.bus.name == "demo"
        assert sorted(demo.bus.services()) == ["indexer", "probe", "store"]
        wait_until(lambda: passes(demo) >= 1, 20.0)
        known = stats(demo)
        size = sum(file.stat().st_size for file in tree.iterdir())
        assert (known["files_indexed"], known["bytes"]) == (200, size)
        assert (known["lines"], known["words"], known["text_files"]) == (200, 800, 200)
        assert found(demo, "n123") == ["file123.txt"]
        wait_until(lambda: demo.probe.call("report")["answered"] >= 3, 10.0)
        told = summary(demo)
        assert (told.files_indexed, told.bytes, told.errors) == (200, size, 0)
        assert told.workers_run >= 4  # 64 files each
        assert told.requests_answered >= 4 + 3
        # Three services, a worker, and handles that ask.
        assert told.peers_seen >= 4
        answered = demo.store.snapshot().endpoints
        assert {"add", "stats", "search", "duplicates"} <= answered.keys()
        assert demo.store.snapshot().errors == demo.indexer.snapshot().errors == []


def test_follows_changes(tree: Path) -> None:
    (tree / "stays").write_text("alpha\n")
    (tree / "changes").write_text("before\n")
    (tree / "goes").write_text("doomed\n")
    with Demo(tree) as demo:
        await_passes(demo)
        assert found(demo, "doomed") == ["goes"]
        (tree / "goes").unlink()
        (tree / "changes").write_text("afterwards\n")
        (tree / "new").mkdir()
        (tree / "new" / "file").write_text("alpha\n")
        await_passes(demo)
        assert found(demo, "doomed") == found(demo, "before") == []
        assert found(demo, "afterwards") == ["changes"]
        assert found(demo, "alpha") == ["new/file", "stays"]
        (duplicate,) = demo.store.call("duplicates")
        assert sorted(duplicate["paths"]) == ["new/file", "stays"]
        assert stats(demo)["files_indexed"] == 3
        assert summary(demo).errors == 0


def test_what_is_known_is_not_read_again(tree: Path) -> None:
    (tree / "file").write_text("same\n")
    with Demo(tree) as demo:
        await_passes(demo, 3)
        assert summary(demo).workers_run == 1


def test_awkward_files(tree: Path) -> None:
    make_awkward(tree)
    with Demo(tree) as demo:
        await_passes(demo)
        known = stats(demo)
        assert (known["files_indexed"], known["text_files"], known["errors"]) == (5, 3, 0)
        wait_until(lambda: stats(demo)["skipped"] == 7)
        assert found(demo, "strangename") == ["caf\\xe9 \\xff.txt"]
        assert found(demo, "looked") == []
        assert summary(demo).errors == 0
        assert demo.indexer.call("report")["skipped"]["fifo"] == 1


def test_large_texts_and_many_of_them(tree: Path) -> None:
    """The first message of a worker may be large, and all of a batch is over the frame cap."""
    for number in range(70):
        (tree / f"f{number}").write_text(f"unique{number} " + "word " * 60_000)
    with Demo(tree) as demo:
        wait_until(lambda: passes(demo) >= 1, 30.0)
        assert stats(demo)["files_indexed"] == 70
        assert found(demo, "unique42") == ["f42"]
        assert summary(demo).errors == 0


def test_files_that_come_and_go_all_the_time(tree: Path) -> None:
    for number in range(50):
        (tree / f"stays{number}").write_text("solid\n")
    with Demo(tree) as demo:
        until = time.monotonic() + 2.0
        number = 0
        while time.monotonic() < until:
            number += 1
            path = tree / f"fleeting{number % 40}"
            path.write_text(f"{number}\n" * (number % 5))
            if number % 3 == 0:
                path.unlink()
        for path in tree.glob("fleeting*"):
            path.unlink()
        await_passes(demo, 2)
        known = stats(demo)
        assert (known["files_indexed"], known["errors"]) == (50, 0)
        assert known["bytes"] == 50 * len("solid\n")
        told = summary(demo)
        assert (told.files_indexed, told.errors) == (50, 0)


def test_a_root_that_is_removed(tree: Path) -> None:
    (tree / "file").write_text("x\n")
    with Demo(tree) as demo:
        await_passes(demo)
        (tree / "file").unlink()
        tree.rmdir()
        await_passes(demo)
        assert stats(demo)["files_indexed"] == 0
        wait_until(lambda: demo.summary().errors == 1)
        assert demo.bus.services()


# Failures


def test_a_failed_worker_is_tried_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "file").write_text("survives\n")
    marker = tree.parent / "failed once"

    def fail_once(job: Job) -> int:
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return run_job(job)

    monkeypatch.setattr(indexer_module, "run_job", fail_once)
    with Demo(tree) as demo:
        wait_until(lambda: passes(demo) >= 1, 20.0)
        assert found(demo, "survives") == ["file"]
        report = demo.indexer.call("report")
        assert (report["workers_run"], report["workers_failed"]) == (2, 1)
        assert report["files_failed"] == 0
        assert summary(demo).errors == 1


def test_a_batch_that_fails_twice_is_given_up(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tree / name).write_text("x\n")

    def fail(job: Job) -> int:
        raise RuntimeError("a fault in the worker")

    monkeypatch.setattr(indexer_module, "run_job", fail)
    # As in a program; pytest's own stderr writes past descriptor 2.
    monkeypatch.setattr(sys, "stderr", os.fdopen(2, "w", closefd=False))
    with Demo(tree) as demo:
        wait_until(lambda: passes(demo) >= 1, 20.0)
        report = demo.indexer.call("report")
        assert (report["workers_run"], report["workers_failed"]) == (2, 2)
        assert report["files_failed"] == 3
        told = summary(demo)
        assert (told.files_indexed, told.errors) == (0, 5)
        log = Path(demo.bus.route, "log", "indexer").read_text()
        assert "a fault in the worker" in log
        exits = [worker.exit for worker in demo.indexer.snapshot().ended_workers]
        assert exits == [1, 1]


def test_a_batch_waits_where_no_process_is_to_be_had(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "file").write_text("x\n")
    refusals = [BlockingIOError(errno.EAGAIN, "no more processes")]

    def refuse_once(child: Callable[[], int]) -> int:
        if refusals:
            raise refusals.pop()
        return fork(child)

    monkeypatch.setattr(launch, "fork", refuse_once)  # for workers: services are forked elsewhere
    with Demo(tree) as demo:
        wait_until(lambda: passes(demo) >= 1, 20.0)
        assert [error.where for error in demo.indexer.snapshot().errors] == ["starting a worker"]
        assert stats(demo)["files_indexed"] == 1


def test_a_new_store_is_filled_again(tree: Path) -> None:
    (tree / "file").write_text("lasting\n")
    with Demo(tree) as demo:
        await_passes(demo)
        demo.store.terminate()
        assert demo.store.wait(10.0) == 0
        wait_until(lambda: "store" not in demo.bus.peers())
        wait_until(lambda: demo.probe.call("report")["failed"] > 0)
        last = summary(demo)
        assert last.errors > 0  # the probe's questions, which nobody answers
        with ipcm.service("store", Store, bus=demo.bus) as store:
            wait_until(lambda: store.call("stats")["files_indexed"] == 1, 10.0)
            assert [hit["path"] for hit in store.call("search", text="lasting")] == ["file"]


def test_sums_up_without_its_services(tree: Path) -> None:
    (tree / "file").write_text("x\n")
    with Demo(tree) as demo:
        await_passes(demo)
        wait_until(lambda: summary(demo).requests_answered > 0)
        before = summary(demo)
        for handle in (demo.probe, demo.indexer, demo.store):
            handle.terminate()
            assert handle.wait(10.0) == 0
        after = demo.summary()
        assert (after.files_indexed, after.workers_run) == (1, before.workers_run)
        assert after.requests_answered >= before.requests_answered


def test_sums_up_what_services_had_done_that_nobody_asked(tree: Path) -> None:
    (tree / "file").write_text("x\n")
    with Demo(tree) as demo:
        await_passes(demo)
        wait_until(lambda: demo.probe.call("report")["answered"] > 0)
        for pid in [peer.pid for peer in demo.bus.presence() if peer.kind == "service"]:
            os.kill(pid, signal.SIGTERM)
        for handle in (demo.probe, demo.indexer, demo.store):
            assert handle.wait(10.0) == 0
        told = demo.summary()
        assert told.files_indexed == 1 and told.bytes == 2 and told.workers_run == 1
        assert told.requests_answered > 0 and told.peers_seen > 0
        assert demo.summary() == told


def test_a_stopped_service_does_not_hold_up_the_summary_or_the_end(tree: Path) -> None:
    with Demo(tree) as demo:
        await_passes(demo)
        demo.summary()
        pid = demo.store.service_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        demo.summary()
        assert time.monotonic() - began < 5.0  # a service's own patience is far longer
        began = time.monotonic()
    assert time.monotonic() - began < 5.0
    assert gone(pid)


def test_nobody_ends_a_service_by_a_mistake(tree: Path) -> None:
    (tree / "file").write_text("x\n")
    with Demo(tree) as demo:
        for handle in (demo.store, demo.indexer, demo.probe):
            for content in (
                None,
                "junk",
                {"type": "walked"},
                {"type": "batch-done", "serial": "x"},
            ):
                handle.client.send_message(handle.service_name, content)
            with pytest.raises(RemoteError, match="no endpoint 'nothing'"):
                handle.call("nothing")
        with pytest.raises(RemoteError, match="bad arguments"):
            demo.store.call("search", text=5)
        with pytest.raises(RemoteError, match="bad arguments"):
            demo.store.call("add", files=[{"path": "x"}], skipped=[])
        assert demo.store.call("search", text='" OR NEAR( *') == []
        await_passes(demo)
        assert stats(demo)["files_indexed"] == 1
        assert sorted(demo.bus.services()) == ["indexer", "probe", "store"]


def test_observers_do_not_see_contents(tree: Path) -> None:
    with Demo(tree) as demo:
        await_passes(demo)
        with demo.bus.observe() as observer:
            wait_until(lambda: "store" in observer.snapshots or observer.poll(0.05))
            (tree / "file").write_text("confidential\n")
            events: list[Any] = []

            def added() -> bool:
                events.extend(observer.poll(0.05))
                return any(getattr(event, "endpoint", "") == "add" for event in events)

            wait_until(added, 10.0)
        added_to = [event for event in events if getattr(event, "endpoint", "") == "add"]
        requests = [event.preview for event in added_to if event.kind == "request"]
        assert requests
        assert all("1 files" in preview for preview in requests)
        assert not any("confidential" in event.preview for event in added_to)


# Start and end


def test_starts_and_ends_quickly_and_leaves_nothing(
    tree: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_on(job: Job) -> int:
        run_job(job)
        signal.pause()
        return 0

    monkeypatch.setattr(indexer_module, "run_job", go_on)
    for number in range(300):
        (tree / f"f{number}").write_text("word " * 1000)
    began = time.monotonic()
    with Demo(tree) as demo:
        # Quick on a machine that has time; it waits for nothing, which would take longer.
        assert time.monotonic() - began < 5.0
        pids = [peer.pid for peer in demo.bus.presence() if peer.kind == "service"]
        assert len(pids) == 3
        # In the middle of the work.
        wait_until(lambda: demo.indexer.snapshot().workers and stats(demo)["files_indexed"])
        began = time.monotonic()
    assert time.monotonic() - began < 5.0
    assert all(gone(pid) for pid in pids)
    demo.close()
    assert demo.summary().files_indexed >= 0  # what it said last


def test_a_second_demo_gets_another_name(tree: Path) -> None:
    with Demo(tree) as first, Demo(tree) as second:
        assert (first.bus.name, second.bus.name) == ("demo", "demo-2")
        with pytest.raises(NameTaken, match="demo-2"), Demo(tree, name="demo-2"):
            pass
        assert sorted(bus.name for bus in ipcm.buses()) == ["demo", "demo-2"]
    with Demo(tree, name="mine") as demo:
        assert demo.bus.name == "mine"
    for name in ("", "a/b"):
        with pytest.raises(InvalidName), Demo(tree, name=name):
            pass


def test_a_failed_start_leaves_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Probe):
        def run_on_start(self) -> None:
            raise RuntimeError("no probe today")

    monkeypatch.setattr(run_module, "Probe", Broken)
    demo = Demo(tree)
    with pytest.raises(ServiceStartError), demo:
        pass
    with pytest.raises(ipcm.UsageError, match="not running"):
        demo.summary()


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_an_interrupted_start_leaves_nothing(
    tree: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Interrupted after the bus was made and before anybody holds it, or between services."""
    calls = 0

    def interrupt(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            number, calls = calls, calls + 1
            if number and number == step:
                raise KeyboardInterrupt
            result = function(*args, **kwargs)
            if number == step:
                raise KeyboardInterrupt
            return result

        return wrapper

    monkeypatch.setattr(run_module, "spawn", interrupt(ipcm.spawn))
    monkeypatch.setattr(run_module, "service", interrupt(ipcm.service))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Demo(tree):
        raise AssertionError("it was to be interrupted")
    assert time.monotonic() - began < 5.0
    assert calls == step + 1
    assert ipcm.buses() == []


_PROGRAM = """
import sys, time
from ipcm._os.interrupt import interruptible, shielded
from ipcm.demo.run import Demo

try:
    with interruptible():
        print("go", flush=True)
        with shielded(Demo(sys.argv[1])) as demo:
            print("up", flush=True)
            time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("delay", [0.001, 0.005, 0.010, 0.015, 0.020, 0.030, 0.050, 0.3])
def test_ctrl_c_at_any_time_leaves_nothing(tree: Path, delay: float) -> None:
    for number in range(200):
        (tree / f"f{number}").write_text("word " * 100)
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(tree)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert program.stdout is not None
    try:
        assert program.stdout.readline() == b"go\n"
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(delay)
        # As a terminal does it: everybody in the foreground gets it.
        os.killpg(program.pid, signal.SIGINT)
        assert program.wait(10.0) == 130
        wait_until(lambda: members_of(session=program.pid, zombies=True) == [])
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
