"""One child: whether it has ended, and how."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from ipcm._os.child import failed_child, open_child, reap
from ipcm._os.fork import fork

from .processes import died, exit_of, fds, sleeping


@pytest.mark.parametrize("code", [0, 7])
def test_one_child_is_reaped(code: int) -> None:
    before = fds()
    assert reap(fork(lambda: code), 10.0) == code
    assert fds() == before


def test_a_signal_is_a_negative_exit() -> None:
    with sleeping() as pid:
        os.kill(pid, signal.SIGKILL)
        assert reap(pid, 10.0) == -signal.SIGKILL


def test_one_that_runs_is_left() -> None:
    with sleeping() as pid:
        before = fds()
        assert reap(pid, 0.05) is None
        assert reap(pid, 0) is None
        assert fds() == before


def test_one_that_somebody_else_has_waited_for() -> None:
    pid = fork(lambda: 0)
    exit_of(pid)
    assert reap(pid, 1.0) is None


@pytest.mark.parametrize(("code", "failed"), [(0, False), (1, True), (-signal.SIGKILL, True)])
def test_a_failed_child_can_still_be_waited_for(code: int, failed: bool) -> None:
    pid = fork(lambda: code if code >= 0 else os.kill(os.getpid(), -code))
    pidfd = open_child(pid)
    try:
        assert died(pid)
        assert failed_child(pidfd) is failed
    finally:
        os.close(pidfd)
    assert exit_of(pid) == code


def test_one_that_runs_has_not_failed() -> None:
    with sleeping() as pid:
        pidfd = open_child(pid)
        try:
            assert not failed_child(pidfd)
        finally:
            os.close(pidfd)


def test_reaping_leaves_other_children_alone() -> None:
    with subprocess.Popen(["sh", "-c", "exit 3"]) as other:
        assert died(other.pid)
        assert reap(fork(lambda: 5), 10.0) == 5
        assert other.wait() == 3
