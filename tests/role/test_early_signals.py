"""Signals that come before the loop does: none kills, and each is counted."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import time
from signal import SIGRTMIN, SIGUSR1, Signals
from typing import Any

import pytest

import ipcm
from ipcm import Service
from tests.helpers import wait_until
from tests.role.consumers import pipe_text
from tests.role.threads import threads

MODES = ["fork", "exec", "launcher", "auto"]
MOST_QUEUED = 1000
"""The kernel bounds those that wait, for all processes of a user together."""


class Counting(Service):
    """Answers how often it was signalled; by class attribute, which a fresh process knows, too."""

    signals_to_grab = ("USR1", SIGRTMIN)

    def __init__(self, *args: Any, **params: Any) -> None:
        self.counts: dict[str, int] = {}
        super().__init__(*args, **params)

    def run_on_sig(self, sig: Signals) -> None:
        self.counts[sig.name] = self.counts.get(sig.name, 0) + 1

    def handle_request(self, request: Any, message: Any) -> Any:
        return self.counts


class Computing(Counting):
    """Knows what it grabs once it is there."""

    @property
    def signals_to_grab(self) -> Any:  # type: ignore[override]
        return self._grabbed

    def __init__(self, *args: Any, **params: Any) -> None:
        self._grabbed = ("USR1", "RTMIN")
        super().__init__(*args, **params)


@pytest.mark.parametrize("maker", [Counting, Computing])
@pytest.mark.parametrize("mode", MODES)
def test_one_after_the_other_from_the_first_moment_on(mode: str, maker: Any) -> None:
    """Real-time signals queue, so that none of them may be missing."""
    with ipcm.service("early", maker, start=mode, wait=False) as handle:
        sent, ready = 0, False
        while not ready:
            if sent < MOST_QUEUED:
                os.kill(handle.child_pid, SIGRTMIN)
                sent += 1
            ready = handle.ready(0.0005)
        wait_until(lambda: handle.request(None).get("SIGRTMIN") == sent)
        assert handle.request(None) == {"SIGRTMIN": sent}


def test_one_at_some_moment() -> None:
    for step in range(12):
        with ipcm.service("early", Counting, wait=False) as handle:
            time.sleep(step * 0.001)
            os.kill(handle.child_pid, SIGUSR1)
            assert handle.ready(10)
            wait_until(lambda: handle.request(None) == {"SIGUSR1": 1})


@pytest.mark.parametrize("mode", ["fork", "launcher"])
def test_callbacks_that_are_given(mode: str) -> None:
    told: list[str] = []

    def note(service: Any, sig: Signals) -> None:
        told.append(sig.name)

    with ipcm.service(
        "early",
        start=mode,
        wait=False,
        on_sig={"USR1": note},
        handle_request=lambda service, request, message: told,
    ) as handle:
        os.kill(handle.child_pid, SIGUSR1)
        assert handle.ready(10)
        wait_until(lambda: handle.request(None) == ["SIGUSR1"])


def test_a_threaded_parent() -> None:
    with (
        threads(),
        ipcm.service("early", Counting, start="fork", wait=False) as handle,
    ):
        os.kill(handle.child_pid, SIGUSR1)
        assert handle.ready(10)
        wait_until(lambda: handle.request(None) == {"SIGUSR1": 1})


def test_the_grandchild_of_a_double_fork() -> None:
    class Daemon(Counting):
        def post_fork_hook(self) -> None:
            signal.raise_signal(SIGUSR1)  # for the child, which goes
            if os.fork():
                os._exit(0)
            signal.raise_signal(SIGRTMIN)
            signal.raise_signal(SIGRTMIN)

    with ipcm.service("early", Daemon) as handle:
        wait_until(lambda: handle.request(None) == {"SIGRTMIN": 2})


def test_what_a_hook_starts_has_none_of_it_blocked() -> None:
    class Starting(Counting):
        def post_fork_hook(self) -> None:
            self.code = subprocess.run(["sh", "-c", "kill -USR1 $$; exit 3"], check=False)

        def handle_request(self, request: Any, message: Any) -> Any:
            return self.code.returncode

    with ipcm.service("early", Starting) as handle:
        assert handle.request(None) == -SIGUSR1


def test_those_that_come_after_the_loop_end_nothing() -> None:
    """Up to the last moment, in which its exit callbacks run."""
    read, write = os.pipe()

    def start(service: Service) -> None:
        atexit.register(lambda: [signal.raise_signal(SIGUSR1), os.write(write, b"x")])

    try:
        with ipcm.service("late", Counting, on_start=start) as handle:
            handle.client.send_message("late", "go")
            handle.terminate()
            assert handle.wait(10) == 0
    finally:
        assert pipe_text(read, write) == "x"


def test_what_cannot_be_grabbed_is_told_as_before() -> None:
    with pytest.raises(ipcm.ServiceStartError, match="KILL cannot be caught"):
        ipcm.service("early", Counting, signals_to_grab=["KILL"])


def test_a_property_may_tell_later_what_is_grabbed() -> None:
    """Not before the hook, which runs in the new process, has set it."""

    class Late(Counting):
        @property
        def signals_to_grab(self) -> Any:  # type: ignore[override]
            return self.grabbed

        def post_fork_hook(self) -> None:
            self.grabbed = ["USR1"]

    on_sig = {"USR2": lambda service, sig: None}
    with ipcm.service("late", Late, on_sig=on_sig) as handle:
        os.kill(handle.service_pid, SIGUSR1)
        os.kill(handle.service_pid, signal.SIGUSR2)
        wait_until(lambda: handle.request(None) == {"SIGUSR1": 1, "SIGUSR2": 1})
