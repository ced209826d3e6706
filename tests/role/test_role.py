"""The role itself: a consumer written straight on it, hooks, the order of a turn."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

import ipcm
from ipcm import Message, Request, ServiceRole
from tests.helpers import gone, wait_until
from tests.role.consumers import Minimal


def test_minimal_consumer() -> None:
    class Knowing(Minimal):
        def handle_request(self, request: Request, message: Message) -> Any:
            return [request.payload, request.sender, request.id == message.correlation_id]

    with ipcm.service("tiny", Knowing) as handle:
        assert handle.request("x") == ["x", handle.name, True]


def test_all_that_is_missing_is_named_at_once() -> None:
    class Empty(ServiceRole):
        name = "x"

    with pytest.raises(TypeError) as caught:
        Empty()  # type: ignore[abstract]
    for word in ("orig_io", "ipcm_info", "pid", "watch_pids", "set_pid", "handle_request"):
        assert word in str(caught.value)
    assert "name," not in str(caught.value)


def test_values_may_be_attributes_class_attributes_or_properties() -> None:
    class Mixed(Minimal):
        def __init__(self) -> None:
            self.name = "mixed"

        @property
        def ipcm_info(self) -> str:  # type: ignore[override]
            raise AssertionError("constructing does not look at it")

        pid = 5
        watch_pids = ()

    assert Mixed().name == "mixed"


def test_defaults_are_the_seed_s() -> None:
    service = Minimal("n", "i", 1, None)
    assert (service.cycle, service.interval) == (0.2, 0.2)
    assert service.use_posix_exit is False
    assert service.intercept_errors is False
    assert service.expose_error_details is False
    assert tuple(service.signals_to_grab) == ()
    assert service.terminated is None
    assert not service.is_terminated
    assert service.terminate() == 0
    assert service.terminate(5) == 0
    assert service.is_terminated
    service.clear_service_fields()
    assert not service.is_terminated


def test_try_returns_an_outcome_or_raises() -> None:
    service = Minimal("n", "i", 1, None)
    outcome = service.try_(lambda: 5)
    assert (outcome.ok, outcome.err, outcome.out) == (True, None, 5)
    with pytest.raises(ZeroDivisionError):
        service.try_(lambda: 1 / 0)


def test_try_intercepts_and_tells(capsys: pytest.CaptureFixture[str]) -> None:
    service = Minimal("n", "i", 1, None)
    service.intercept_errors = True
    outcome = service.try_(lambda: 1 / 0)
    assert not outcome.ok
    assert isinstance(outcome.err, ZeroDivisionError)
    assert "division by zero" in capsys.readouterr().err


def test_wrong_process() -> None:
    service = Minimal("n", "i", os.getpid() + 1, None)
    with pytest.raises(ipcm.WrongProcess):
        service.in_correct_pid()
    with pytest.raises(ipcm.WrongProcess):
        service.run()


class Recorder(Minimal):
    """Notes what is called, in order."""

    signals_to_grab = ("USR1",)
    calls: list[str]

    def __init__(self, busy: int, gate: int, **params: Any) -> None:
        self.busy, self.gate = busy, gate
        super().__init__(**params)

    def run_on_start(self) -> None:
        self.calls = ["start"]

    def note(self, what: str) -> None:
        self.calls.append(what)

    def run_on_all(self, activity: ipcm.Activity) -> None:
        if activity.sigs or activity.pids or activity.messages:
            self.note("all")

    def run_on_sig(self, sig: signal.Signals) -> None:
        self.note(sig.name)

    def run_on_pid(self, pid: int, exit: int) -> None:
        self.note(f"pid {exit}")

    def run_on_interval(self) -> None:
        self.note("interval")

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        self.note(f"delta {sorted(delta.values())}")

    def run_on_general_message(self, message: Message) -> None:
        if message.content == "pile up":
            if (child := os.fork()) == 0:
                os._exit(6)
            os.kill(os.getpid(), signal.SIGUSR1)
            os.write(self.busy, b"x")
            os.read(self.gate, 1)
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
            time.sleep(0.3)  # longer than the interval: all of it comes in one turn
        self.note(f"message {message.content}")

    def handle_request(self, request: Request, message: Message) -> Any:
        return self.calls


def test_order_of_a_turn() -> None:
    told, busy = os.pipe()
    gate, opener = os.pipe()
    try:
        calls = pile_up(told, busy, gate, opener)
    finally:
        for fd in (told, busy, gate, opener):
            os.close(fd)
    start = calls.index("message pile up") + 1
    end = calls.index("message later") + 1
    turn = [call.split()[0] for call in calls[start:end]]
    assert turn == ["all", "SIGUSR1", "pid", "interval", "delta", "message"]


def pile_up(told: int, busy: int, gate: int, opener: int) -> list[str]:
    """Everything at once, while the service is busy: what it has noted."""
    with ipcm.service("rec", Recorder, busy=busy, gate=gate, cycle=60, interval=0.25) as handle:
        bus = handle.bus
        with bus.connect("p1") as peer:
            peer.send_message("rec", "pile up")
            os.read(told, 1)
            with bus.connect("p2") as other:
                other.send_message("rec", "later")
                os.write(opener, b"x")
                wait_until(lambda: "message later" in handle.request(0))
                calls: list[str] = handle.request(0)
                return calls


def test_watched_process_ends_the_service() -> None:
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    with ipcm.service("watcher", Minimal, watch_pids=[child]) as handle:
        assert handle.request(1)
        os.kill(child, signal.SIGKILL)
        # It is a zombie now, which counts as dead.
        assert handle.wait(5) == 0
        os.waitpid(child, 0)


def test_daemonized_service() -> None:
    class Daemon(Minimal):
        def post_fork_hook(self) -> None:
            if os.fork():
                os._exit(0)

    with ipcm.service("daemon", Daemon) as handle:
        assert handle.child_pid != handle.service_pid
        assert handle.request(1) == 1
        assert handle.bus.presence()[0].pid == handle.service_pid


def test_interval_and_should_end() -> None:
    class Ticker(Minimal):
        interval = 0.02
        ticks = 0

        def run_on_interval(self) -> None:
            self.ticks += 1

        def run_should_end(self) -> bool:
            return self.ticks >= 5

    with ipcm.service("ticker", Ticker) as handle:
        assert handle.wait(5) == 0


def test_sigkilled_parent_leaves_nothing() -> None:
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        handle = ipcm.service("orphan", Minimal)
        os.write(write, str(handle.service_pid).encode())
        signal.pause()
    service = int(os.read(read, 20))
    os.close(read)
    os.close(write)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    wait_until(lambda: gone(service))
    wait_until(lambda: not ipcm.buses())
