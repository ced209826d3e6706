"""Workers die with their service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from ipcm._os.fork import fork
from ipcm._os.lifeline import Lifeline
from ipcm._os.process import identify
from ipcm.errors import UnsupportedError

from .processes import died, exit_of, fds, in_child, read_all, until_readable

SOON = 5.0
"""Seconds that it may take on a busy machine; who does not hear of it lives for ever."""


def start_worker(lifeline: Lifeline, *, exec_: bool = False) -> int:
    """A worker that has armed its end; an `exec_` one is another program by then."""
    read, write = os.pipe()

    def worker() -> None:
        lifeline.arm()
        if exec_:
            os.dup2(write, 1)
            os.execv("/bin/sh", ["sh", "-c", "echo; exec sleep 60"])
        os.write(write, b"\n")
        while True:
            signal.pause()

    pid = fork(worker)
    os.close(write)
    read_all(read, end=b"\n")
    return pid


def service(tell: int, exec_: bool) -> None:
    """A service with two workers, a plain fork and a subprocess; pauses once all are there."""
    lifeline = Lifeline()
    workers = [start_worker(lifeline, exec_=exec_) for _ in range(2)]
    plain = os.fork()
    if plain == 0:
        while True:
            signal.pause()
    program = subprocess.Popen(["sleep", "60"])
    os.write(tell, " ".join(map(str, [*workers, plain, program.pid])).encode() + b"\n")
    while True:
        signal.pause()


@pytest.mark.parametrize("exec_", [False, True])
def test_workers_die_with_a_killed_service_while_others_live_on(exec_: bool) -> None:
    def check() -> float:
        read, write = os.pipe()
        pid = fork(lambda: service(write, exec_))
        os.close(write)
        *workers, plain, program = map(int, read_all(read, end=b"\n").split())
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        for worker in workers:
            assert died(worker, SOON), "a worker outlived its service"
        took = time.monotonic() - began
        exit_of(pid)
        assert identify(plain).alive()
        assert identify(program).alive()
        return took

    assert in_child(check) < SOON


def test_a_worker_lives_as_long_as_its_service_has_it() -> None:
    def check() -> int:
        lifeline = Lifeline()
        pid = start_worker(lifeline)
        assert not died(pid, 0.1)
        lifeline.close()
        return exit_of(pid)

    assert in_child(check) == -signal.SIGKILL


def test_a_service_that_exits_takes_its_workers_along() -> None:
    def check() -> bool:
        read, write = os.pipe()

        def ends() -> None:
            os.write(write, b"%d\n" % start_worker(Lifeline()))

        service = fork(ends)
        os.close(write)
        worker = int(read_all(read))
        assert exit_of(service) == 0
        return died(worker, SOON)

    assert in_child(check)


def test_a_worker_that_arms_too_late_ends_at_once() -> None:
    def check() -> int:
        lifeline = Lifeline()
        read, write = os.pipe()

        def late() -> int:
            os.read(read, 1)
            lifeline.arm()
            return 3

        pid = fork(late)
        lifeline.close()
        os.write(write, b"x")
        return exit_of(pid)

    assert in_child(check) == -signal.SIGKILL


def test_many_workers_are_all_told() -> None:
    def check() -> list[int]:
        lifeline = Lifeline()
        pids = [start_worker(lifeline) for _ in range(8)]
        lifeline.close()
        return [exit_of(pid, SOON) for pid in pids]

    assert in_child(check) == [-signal.SIGKILL] * 8


def test_the_child_of_a_worker_does_not_keep_the_others_alive() -> None:
    def check() -> bool:
        read, write = os.pipe()

        def serve() -> None:
            lifeline = Lifeline()

            def worker() -> None:
                lifeline.arm()
                if os.fork() == 0:
                    signal.pause()
                os.write(write, b"%d\n" % os.getpid())
                signal.pause()

            fork(worker)
            signal.pause()

        service = fork(serve)
        os.close(write)
        worker = int(read_all(read, end=b"\n"))
        os.kill(service, signal.SIGKILL)
        exit_of(service)
        return died(worker, SOON)

    assert in_child(check)


def test_dropping_lets_go_of_both_ends_any_number_of_times() -> None:
    before = fds()
    lifeline = Lifeline()
    ends = fds() - before
    assert len(ends) == 2
    assert not any(map(os.get_inheritable, ends))

    def child() -> int:
        lifeline.drop()
        lifeline.drop()
        return len(fds() & ends)

    assert exit_of(fork(child)) == 0
    assert fds() & ends == ends
    lifeline.close()
    lifeline.close()
    assert fds() == before


def test_every_child_closes_the_write_end() -> None:
    def check() -> list[Any]:
        before = fds()
        lifeline = Lifeline()
        read, write = sorted(fds() - before)
        pid = os.fork()
        if pid == 0:
            os._exit((read in fds()) + 2 * (write in fds()))
        plain = exit_of(pid)
        lifeline.close()
        return [plain, until_readable(read, 0) if read in fds() else "closed"]

    assert in_child(check) == [1, "closed"]


def test_elsewhere_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    before = fds()
    with pytest.raises(UnsupportedError, match="needs Linux"):
        Lifeline()
    assert fds() == before
