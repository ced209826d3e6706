"""Which process is meant, and whether it lives."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from ipcm._os import process
from ipcm._os.process import (
    ProcessIdentity,
    identify,
    open_pidfd,
    send_signal,
    thread_count,
    wait_dead,
)
from ipcm.errors import UnsupportedError

from .processes import died, exit_of, fds, in_child, sleeping, until_readable


def zombie() -> tuple[ProcessIdentity, int]:
    """A child that has ended and waits to be reaped, as it was when it lived."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    who = identify(pid)
    os.close(read)
    os.close(write)
    assert died(pid)
    return who, pid


def test_this_process_is_alive_and_the_same_each_time() -> None:
    me = identify()
    assert me == identify(os.getpid())
    assert me.pid == os.getpid()
    assert me.alive()


def test_start_is_what_the_kernel_counts_since_boot() -> None:
    with sleeping() as pid:
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        age = uptime - identify(pid).start / os.sysconf("SC_CLK_TCK")
        assert -0.1 < age < 5


@pytest.mark.parametrize("name", ["a) Z 1 (", ") X", "((", "two words"])
def test_a_process_may_have_any_name(name: str) -> None:
    def check() -> None:
        before = identify()
        Path("/proc/self/comm").write_text(name)
        assert identify() == before
        assert before.alive()

    in_child(check)


def test_another_start_time_is_another_process() -> None:
    me = identify()
    other = me._replace(start=me.start - 1)
    assert not other.alive()
    with pytest.raises(ProcessLookupError):
        open_pidfd(other)


def test_a_zombie_is_dead() -> None:
    who, pid = zombie()
    try:
        os.kill(pid, 0)  # which would have it alive
        assert not who.alive()
        before = fds()
        for look in (lambda: identify(pid), lambda: open_pidfd(who), lambda: send_signal(who, 0)):
            with pytest.raises(ProcessLookupError):
                look()
        assert fds() == before
    finally:
        exit_of(pid)


def test_a_process_that_is_gone() -> None:
    who, pid = zombie()
    exit_of(pid)
    assert not who.alive()
    for look in (lambda: identify(pid), lambda: open_pidfd(who), lambda: send_signal(who, 0)):
        with pytest.raises(ProcessLookupError):
            look()


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1])
def test_what_cannot_be_a_pid_names_no_process(pid: int) -> None:
    with pytest.raises(ProcessLookupError):
        identify(pid)


def test_a_stopped_process_is_alive() -> None:
    with sleeping() as pid:
        who = identify(pid)
        os.kill(pid, signal.SIGSTOP)
        os.waitpid(pid, os.WUNTRACED)
        assert who.alive()
        assert wait_dead([who], 0.05) == [who]


def test_the_id_of_a_thread_is_no_process() -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        with pytest.raises(ProcessLookupError):
            open_pidfd(identify(thread.native_id))
    finally:
        go.set()
        thread.join()


def test_a_pidfd_is_readable_once_the_process_has_ended() -> None:
    with sleeping() as pid:
        pidfd = open_pidfd(identify(pid))
        try:
            assert not until_readable(pidfd, 0)
            assert not os.get_inheritable(pidfd)
            os.kill(pid, signal.SIGKILL)
            assert until_readable(pidfd)
        finally:
            os.close(pidfd)


def test_a_signal_reaches_its_process() -> None:
    with sleeping() as pid:
        before = fds()
        send_signal(identify(pid), signal.SIGUSR1)
        assert exit_of(pid) == -signal.SIGUSR1
        assert fds() == before


def test_a_signal_for_an_earlier_process_does_not_reach_a_later_one() -> None:
    with sleeping() as pid:
        who = identify(pid)
        with pytest.raises(ProcessLookupError):
            send_signal(who._replace(start=who.start - 1), signal.SIGKILL)
        assert who.alive()


def test_waiting_for_deaths_ends_with_the_last_of_them() -> None:
    with sleeping() as first, sleeping() as second:
        who = [identify(first), identify(second)]
        before = fds()
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)
        began = time.monotonic()
        assert wait_dead(who, 10.0) == []
        assert time.monotonic() - began < 5
        assert fds() == before


def test_waiting_for_deaths_gives_back_the_living() -> None:
    with sleeping() as ends, sleeping() as stays:
        who = [identify(ends), identify(stays)]
        os.kill(ends, signal.SIGKILL)
        assert died(ends)
        began = time.monotonic()
        assert wait_dead([*who, who[1]], 0.2) == [who[1], who[1]]
        assert 0.19 < time.monotonic() - began < 5


def test_waiting_without_time_only_looks() -> None:
    with sleeping() as pid:
        who = identify(pid)
        assert wait_dead([who], 0) == [who]
        assert wait_dead([who._replace(start=1)], 0) == []
        assert wait_dead([], math.inf) == []


def test_waiting_for_ever_is_possible() -> None:
    with sleeping() as pid:
        who = identify(pid)
        os.kill(pid, signal.SIGKILL)
        assert wait_dead([who], math.inf) == []


def test_threads_are_counted() -> None:
    def count() -> list[int]:
        counts = [thread_count()]
        go = threading.Event()
        thread = threading.Thread(target=go.wait)
        thread.start()
        counts.append(thread_count())
        go.set()
        thread.join()
        return counts

    assert in_child(count) == [1, 2]


def test_elsewhere_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    me = identify()
    monkeypatch.setattr(sys, "platform", "darwin")
    for look in (identify, thread_count, lambda: open_pidfd(me)):
        with pytest.raises(UnsupportedError, match="needs Linux, and this is darwin"):
            look()


def test_nor_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr(process, "read_stat", lambda pid: None)
    monkeypatch.setattr(os, "listdir", missing)
    monkeypatch.setattr(os.path, "isdir", lambda path: False)
    for look in (identify, thread_count):
        with pytest.raises(UnsupportedError, match="needs /proc, and it is not mounted here"):
            look()
