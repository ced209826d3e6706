"""The children that are ours to wait for."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ipcm._os import children as module
from ipcm._os.children import Children
from ipcm._os.fork import fork
from ipcm.errors import UnsupportedError

from .processes import LIMIT, died, exit_of, in_child


@pytest.fixture
def tracker() -> Iterator[Children]:
    """Tracks in this process."""
    tracker = Children()
    tracker.start_tracking()
    yield tracker
    tracker.stop_tracking()


def plain(code: int = 0, number: int | None = None) -> int:
    """A plain os.fork; the child has ended when it returns, and waits to be reaped."""
    pid = os.fork()
    if pid == 0:
        if number is not None:
            os.kill(os.getpid(), number)
        os._exit(code)
    assert died(pid)
    return pid


def exit_with_5() -> None:
    """What a child of multiprocessing runs."""
    sys.exit(5)


def test_exits_are_those_of_subprocess() -> None:
    children = Children()
    expected = {plain(0): 0, plain(7): 7, plain(number=signal.SIGKILL): -signal.SIGKILL}
    for pid in expected:
        children.adopt(pid)
        children.adopt(pid)
    assert children.pids == set(expected)
    assert children.reap() == expected
    assert children.pids == frozenset()
    assert children.reap() == {}
    assert children.lost == set()


def test_the_living_are_left_for_later() -> None:
    children = Children()
    pid = fork(signal.pause)
    children.adopt(pid)
    assert children.reap() == {}
    os.kill(pid, signal.SIGKILL)
    assert died(pid)
    assert children.reap() == {pid: -signal.SIGKILL}


def test_others_are_never_waited_for() -> None:
    children = Children()
    pid, disowned = plain(3), plain(4)
    children.adopt(disowned)
    children.disown(disowned)
    children.disown(disowned)
    assert children.reap() == {}
    assert exit_of(pid) == 3
    assert exit_of(disowned) == 4


def test_what_somebody_else_has_waited_for_is_lost() -> None:
    children = Children()
    pid = plain(3)
    children.adopt(pid)
    exit_of(pid)
    assert children.reap() == {}
    assert children.lost == {pid}
    assert children.pids == frozenset()


def test_all_means_everybody() -> None:
    def check() -> None:
        children = Children()
        ours, other, stolen = plain(1), plain(2), plain(3)
        living = fork(signal.pause)
        for pid in (ours, stolen, living):
            children.adopt(pid)
        exit_of(stolen)
        assert children.reap(all=True) == {ours: 1, other: 2}
        assert children.pids == {living}
        assert children.lost == {stolen}
        os.kill(living, signal.SIGKILL)
        assert died(living)
        assert children.reap(all=True) == {living: -signal.SIGKILL}
        assert children.reap(all=True) == {}

    in_child(check)


def test_plain_forks_are_adopted(tracker: Children) -> None:
    expected = {plain(3): 3, plain(number=signal.SIGTERM): -signal.SIGTERM}
    assert tracker.pids == set(expected)
    assert tracker.reap() == expected


def test_forks_with_a_terminal_are_adopted(tracker: Children) -> None:
    pid, terminal = os.forkpty()
    if pid == 0:
        os._exit(6)
    try:
        assert died(pid)
        assert tracker.reap() == {pid: 6}
    finally:
        os.close(terminal)


def test_forks_of_threads_are_adopted(tracker: Children) -> None:
    pids: list[int] = []
    thread = threading.Thread(target=lambda: pids.append(plain(4)))
    thread.start()
    thread.join()
    assert tracker.pids == set(pids)
    assert tracker.reap() == {pids[0]: 4}


def test_our_own_fork_is_adopted_once_and_can_be_left_alone(tracker: Children) -> None:
    pid, helper = fork(lambda: 8), fork(signal.pause)
    tracker.adopt(pid)
    Children.leave_alone(helper)
    assert tracker.pids == {pid}
    assert died(pid)
    assert tracker.reap() == {pid: 8}
    os.kill(helper, signal.SIGKILL)
    assert exit_of(helper) == -signal.SIGKILL


def test_nothing_is_adopted_after_the_end_of_tracking(tracker: Children) -> None:
    tracker.stop_tracking()
    pid = plain(2)
    assert tracker.pids == frozenset()
    assert exit_of(pid) == 2


def test_a_later_tracker_takes_over_and_an_earlier_one_cannot_end_it(tracker: Children) -> None:
    later = Children()
    later.start_tracking()
    tracker.stop_tracking()
    try:
        pid = plain(2)
        assert later.reap() == {pid: 2}
        assert tracker.pids == frozenset()
    finally:
        later.stop_tracking()


def test_tracking_is_off_in_children(tracker: Children) -> None:
    def child() -> int:
        before = tracker.pids
        pid = plain(2)
        return int(tracker.pids == before and exit_of(pid) == 2)

    assert exit_of(fork(child)) == 1


def test_a_fork_that_fails_adopts_nobody(tracker: Children) -> None:
    tracker.note_before()
    tracker.note_after()
    tracker.note_after()
    assert tracker.pids == frozenset()


@pytest.mark.parametrize("hook", [None, lambda: None])
def test_subprocess_keeps_its_children(tracker: Children, hook: Callable[[], None] | None) -> None:
    # With a preexec_fn it runs the hooks of os.fork.
    with subprocess.Popen(["sh", "-c", "exit 3"], preexec_fn=hook) as process:  # noqa: PLW1509
        assert died(process.pid)
        assert tracker.pids == frozenset()
        assert tracker.reap() == {}
        assert process.poll() == 3


def test_subprocess_in_another_thread_during_a_fork_keeps_its_child(tracker: Children) -> None:
    started, go = threading.Event(), threading.Event()
    made: list[subprocess.Popen[bytes]] = []

    def run() -> None:
        made.append(subprocess.Popen(["true"]))
        started.set()
        go.wait(LIMIT)

    tracker.note_before()
    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(LIMIT)
    tracker.note_after()
    go.set()
    thread.join()
    assert tracker.pids == frozenset()
    assert made[0].wait(LIMIT) == 0


def test_the_child_of_a_thread_that_ends_during_a_fork_stays_its_own(tracker: Children) -> None:
    """The kernel gives it to another thread: the one that forks."""
    made: list[subprocess.Popen[bytes]] = []
    started, go = threading.Event(), threading.Event()

    def run() -> None:
        made.append(subprocess.Popen(["true"]))
        started.set()
        go.wait(LIMIT)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(LIMIT)
    tracker.note_before()
    go.set()
    thread.join()
    tracker.note_after()
    assert tracker.pids == frozenset()
    assert made[0].wait(LIMIT) == 0


@pytest.mark.parametrize("all", [False, True])
def test_helpers_are_waited_for_and_nobody_is_told(tracker: Children, all: bool) -> None:
    pid = fork(lambda: 3)
    Children.leave_alone(pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert tracker.reap(all) == {}
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_keeps_its_children(method: str) -> None:
    def check() -> Any:
        tracker = Children()
        tracker.start_tracking()
        context: Any = multiprocessing.get_context(method)
        process = context.Process(target=exit_with_5)
        process.start()
        assert process.pid is not None
        assert died(process.pid)
        assert tracker.pids == frozenset()
        assert tracker.reap() == {}
        process.join(LIMIT)
        return process.exitcode

    assert in_child(check, 30) == 5


def test_plain_forks_are_adopted_inside_a_child_of_multiprocessing() -> None:
    def track(queue: Any) -> None:
        tracker = Children()
        tracker.start_tracking()
        pid = os.fork()
        if pid == 0:
            os._exit(7)
        assert died(pid)
        queue.put(tracker.reap() == {pid: 7})

    def check() -> bool:
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        process = context.Process(target=track, args=(queue,))
        process.start()
        process.join(LIMIT)
        return process.exitcode == 0 and bool(queue.get())

    assert in_child(check)


def test_asyncio_keeps_its_children_and_plain_forks_in_it_are_adopted() -> None:
    async def main(tracker: Children) -> None:
        process = await asyncio.create_subprocess_exec("sh", "-c", "exit 4")
        assert died(process.pid)
        pid = plain(2)
        assert tracker.reap() == {pid: 2}
        assert await asyncio.wait_for(process.wait(), LIMIT) == 4

    def check() -> None:
        tracker = Children()
        tracker.start_tracking()
        asyncio.run(main(tracker))

    in_child(check)


def test_a_kernel_without_the_list_of_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHILDREN", "/proc/thread-self/no-children")
    with pytest.raises(UnsupportedError, match="CONFIG_PROC_CHILDREN"):
        Children().start_tracking()


def test_elsewhere_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UnsupportedError, match="needs Linux"):
        Children().start_tracking()
