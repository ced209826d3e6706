"""Signals, counted as the kernel delivered them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from signal import Signals
from typing import Any

import pytest

from ipcm._os.fork import fork
from ipcm._os.orderly import OrderlyEnd
from ipcm._os.signals import SignalCounter, ignore
from ipcm.errors import NoSuchSignal, UnsupportedError

from .processes import LIMIT, died, exit_of, fds, in_child, until_readable

USR1, USR2, TERM, CHLD = signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGCHLD
PIPE_SIZE = 65536


def started(*count: Signals, **options: Any) -> SignalCounter:
    counter = SignalCounter(count, **options)
    counter.start()
    return counter


def kill_me(number: int, times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), number)


def send_from_outside(number: int, times: int) -> None:
    """Sends signals to this process from another, and waits until all are sent."""
    target = os.getpid()

    def send() -> None:
        for _ in range(times):
            os.kill(target, number)

    assert exit_of(fork(send)) == 0


def test_every_delivery_is_counted_though_handlers_run_once() -> None:
    def check() -> list[int]:
        counter = started(USR1, USR2)
        kill_me(USR1, 2000)
        kill_me(USR2, 3)
        counts = counter.drain()
        assert set(counts) == {USR1, USR2}
        return [counts[USR1], counts[USR2], len(counter.drain())]

    assert in_child(check) == [2000, 3, 0]


def test_a_burst_from_outside_is_counted_as_the_kernel_delivers_it() -> None:
    def check() -> int:
        counter = started(USR1)
        send_from_outside(USR1, 2000)
        return counter.drain()[USR1]

    assert 1 <= in_child(check) <= 2000


def test_real_time_signals_queue_and_are_counted_exactly() -> None:
    def check() -> int:
        counter = started(signal.SIGRTMIN)
        send_from_outside(signal.SIGRTMIN, 2000)
        return counter.drain()[signal.SIGRTMIN]

    assert in_child(check) == 2000


def test_more_than_the_pipe_holds_does_no_harm() -> None:
    def check() -> list[int]:
        counter = started(USR1)
        kill_me(USR1, PIPE_SIZE + 5000)
        first = counter.drain()[USR1]
        kill_me(USR1, 2)
        return [first, counter.drain()[USR1]]

    assert in_child(check) == [PIPE_SIZE, 2]


def test_it_is_selectable() -> None:
    def check() -> None:
        counter = started(USR1)
        assert not until_readable(counter.fileno(), 0)
        kill_me(USR1)
        assert until_readable(counter.fileno(), 0)
        counter.drain()
        assert not until_readable(counter.fileno(), 0)

    in_child(check)


def test_a_delivery_is_noticed_until_it_is_drained() -> None:
    def check() -> list[bool]:
        counter = started(USR1)
        seen = [counter.noticed]
        kill_me(USR1)
        seen.append(counter.noticed)
        counter.drain()
        return [*seen, counter.noticed]

    assert in_child(check) == [False, True, False]


def test_a_child_that_ends_wakes_and_is_not_counted() -> None:
    def check() -> None:
        counter = started(USR1)
        pid = fork(lambda: 0)
        assert until_readable(counter.fileno())
        assert counter.drain() == {}
        assert counter.woken
        exit_of(pid)

    in_child(check)


def test_what_is_counted_does_not_wake_as_well() -> None:
    def check() -> None:
        counter = started(CHLD, wake=(CHLD,))
        kill_me(CHLD)
        assert counter.drain() == {CHLD: 1}
        assert not counter.woken

    in_child(check)


def test_other_signals_in_the_pipe_are_left_out() -> None:
    def check() -> None:
        signal.signal(USR2, lambda *_: None)
        counter = started(USR1)
        kill_me(USR2)
        kill_me(USR1)
        assert counter.drain() == {USR1: 1}

    in_child(check)


def test_stopping_puts_everything_back_and_gives_the_rest() -> None:
    def check() -> None:
        def handler(*_: object) -> None: ...

        _, wakeup = os.pipe2(os.O_NONBLOCK)
        signal.signal(USR1, handler)
        signal.set_wakeup_fd(wakeup)
        before = fds()
        counter = started(USR1, USR2)
        kill_me(USR1, 3)
        assert counter.stop() == {USR1: 3}
        assert counter.stop() == {}
        assert counter.drain() == {}
        assert signal.getsignal(USR1) is handler
        assert signal.getsignal(USR2) is signal.SIG_DFL
        assert signal.getsignal(CHLD) is signal.SIG_DFL
        assert signal.set_wakeup_fd(-1) == wakeup
        assert fds() == before

    in_child(check)


def test_it_can_be_started_again() -> None:
    def check() -> None:
        before = fds()
        counter = started(USR1)
        counter.stop()
        counter.start()
        counter.start()
        kill_me(USR1)
        assert counter.stop() == {USR1: 1}
        assert signal.getsignal(USR1) is signal.SIG_DFL
        assert fds() == before

    in_child(check)


def test_a_wakeup_fd_that_was_closed_meanwhile_is_not_put_back() -> None:
    def check() -> None:
        read, write = os.pipe2(os.O_NONBLOCK)
        signal.set_wakeup_fd(write)
        counter = started(USR1)
        os.close(write)
        counter.stop()
        assert signal.set_wakeup_fd(-1) == -1
        os.close(read)

    in_child(check)


def test_what_cannot_be_caught_leaves_nothing_behind() -> None:
    def check() -> None:
        before = fds()
        with pytest.raises(NoSuchSignal, match="SIGKILL cannot be caught"):
            started(USR1, USR2, signal.SIGKILL)
        assert signal.getsignal(USR1) is signal.SIG_DFL
        assert signal.getsignal(USR2) is signal.SIG_DFL
        assert signal.set_wakeup_fd(-1) == -1
        assert fds() == before

    in_child(check)


def test_another_thread_than_the_main_one_leaves_nothing_behind() -> None:
    def check() -> None:
        before = fds()
        raised: list[BaseException] = []

        def run() -> None:
            try:
                started(USR1)
            except ValueError as error:
                raised.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert len(raised) == 1
        assert signal.getsignal(USR1) is signal.SIG_DFL
        assert fds() == before

    in_child(check)


def pause_until(number: Signals, tell: int) -> None:
    """What a child does until a signal ends it."""
    os.write(tell, b"x")
    while True:
        signal.pause()
    raise AssertionError(number)


def by_plain_fork(child: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            child()
        finally:
            os._exit(99)
    return pid


def by_thread(child: Callable[[], None]) -> int:
    pids: list[int] = []
    thread = threading.Thread(target=lambda: pids.append(by_plain_fork(child)))
    thread.start()
    thread.join()
    return pids[0]


@pytest.mark.parametrize("start", [fork, by_plain_fork, by_thread])
def test_what_a_child_is_sent_is_the_childs(start: Callable[[Callable[[], None]], int]) -> None:
    def check() -> int:
        read, write = os.pipe()
        counter = started(TERM, wake=())
        with OrderlyEnd(counter.notice):
            pid = start(lambda: pause_until(TERM, write))
            os.read(read, 1)
            os.kill(pid, TERM)
            code = exit_of(pid)
            assert counter.drain() == {}
            kill_me(TERM)
            assert counter.drain() == {TERM: 1}
        return code

    assert in_child(check) == -TERM


def test_the_terminate_of_multiprocessing_ends_its_process_and_nobody_else() -> None:
    def check() -> int | None:
        read, write = os.pipe()
        counter = started(TERM)
        with OrderlyEnd(counter.notice):
            context = multiprocessing.get_context("fork")
            process = context.Process(target=pause_until, args=(TERM, write))
            process.start()
            os.read(read, 1)
            process.terminate()
            process.join(5)
            assert counter.drain() == {}
        return process.exitcode

    assert in_child(check) == -TERM


def test_a_plain_child_gets_the_handlers_of_before_and_no_descriptor() -> None:
    def check() -> int:
        def handler(*_: object) -> None: ...

        signal.signal(USR1, handler)
        before = fds()
        counter = started(USR1)
        pid = os.fork()
        if pid == 0:
            good = [
                signal.getsignal(USR1) is handler,
                signal.getsignal(CHLD) is signal.SIG_DFL,
                signal.set_wakeup_fd(-1) == -1,
                fds() == before,
                counter.fileno() == -1,
                counter.stop() == {},
            ]
            os._exit(0 if all(good) else 10 + good.index(False))
        return exit_of(pid)

    assert in_child(check) == 0


def test_what_all_of_a_group_are_sent_is_counted_once_by_each() -> None:
    """Also while one of them is being forked, by os.fork itself."""

    def check() -> bool:
        counter = started(signal.SIGRTMIN)
        sender = os.fork()
        if sender == 0:
            signal.signal(signal.SIGRTMIN, signal.SIG_IGN)
            for _ in range(3000):
                os.killpg(0, signal.SIGRTMIN)
            os._exit(0)
        counted = 0
        while died(sender, 0) is False:
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            counted += counter.drain().get(signal.SIGRTMIN, 0)
        assert exit_of(sender) == 0
        return counted + counter.drain().get(signal.SIGRTMIN, 0) == 3000

    assert in_child(check)


def test_a_counter_that_was_stopped_leaves_children_alone() -> None:
    # In an interpreter of its own: asyncio, where it is loaded, takes the wakeup fd from children.
    script = """
import os, signal
from ipcm._os.signals import SignalCounter
_, write = os.pipe2(os.O_NONBLOCK)
counter = SignalCounter([signal.SIGUSR1])
counter.start()
counter.stop()
signal.set_wakeup_fd(write)
pid = os.fork()
if pid == 0:
    os._exit(int(signal.set_wakeup_fd(-1) == write))
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=LIMIT, check=False)
    assert done.returncode == 1


def test_ignored_signals_do_nothing() -> None:
    def check() -> bool:
        ignore(USR1, TERM)
        kill_me(USR1)
        kill_me(TERM)
        return True

    assert in_child(check)


def test_elsewhere_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    before = fds()
    with pytest.raises(UnsupportedError, match="needs Linux"):
        started(USR1)
    assert fds() == before
