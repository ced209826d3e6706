"""Signals: each delivery handled once, wherever the service is at the time."""

from __future__ import annotations

import os
import signal
import subprocess
from signal import SIGUSR1, Signals
from typing import Any

import pytest

import ipcm
from ipcm import Service
from tests._os.processes import in_child
from tests.helpers import wait_until
from tests.role.consumers import Telling, pipe_text


def note(service: Any, sig: Signals) -> None:
    service.noted.append(sig.name)


class Raising(Telling):
    """Signals itself as often as a request says; a signal to oneself is delivered at once."""

    def handle_request(self, request: Any, message: Any) -> Any:
        for _ in range(request.payload):
            signal.raise_signal(SIGUSR1)
        return len(self.noted)


class Running(Telling):
    """Signals itself, and has a program do the same, which exits with 3 where it lives on."""

    def handle_request(self, request: Any, message: Any) -> Any:
        signal.raise_signal(request.payload)
        program = f"kill -{request.payload} $$; exit 3"
        return subprocess.run(["sh", "-c", program], check=False).returncode


@pytest.mark.parametrize("times", [3, 1000])
def test_once_per_delivery_also_within_one_handler(times: int) -> None:
    with ipcm.service("sig", Raising, on_sig={"USR1": note}) as handle:
        assert handle.request(times) == 0
        assert handle.request(0) == times
        counts = handle.snapshot().signals["SIGUSR1"]
        assert (counts.received, counts.handled) == (times, times)


@pytest.mark.parametrize("spelling", ["USR1", "SIGUSR1", "usr1", SIGUSR1, int(SIGUSR1)])
def test_signals_are_named_in_any_way(spelling: Any) -> None:
    class Grabbing(Raising):
        signals_to_grab = (spelling,)

        def run_on_sig(self, sig: Signals) -> None:
            self.noted.append(sig is SIGUSR1)

    with ipcm.service("sig", Grabbing) as handle:
        handle.request(2)
        assert handle.request(0) == 2


def test_callbacks_are_called_in_their_order_for_each() -> None:
    def first(service: Any, sig: Signals) -> None:
        service.noted.append(1)

    def second(service: Any, sig: Signals) -> None:
        service.noted.append(2)

    with ipcm.service("sig", Telling, on_sig={"USR1": [first, second]}) as handle:
        os.kill(handle.service_pid, SIGUSR1)
        wait_until(lambda: len(handle.request(0)) == 2)
        assert handle.request(0) == [1, 2]


def test_the_count_is_in_the_activity() -> None:
    def look(service: Any, activity: ipcm.Activity) -> None:
        if activity.sigs:
            service.counts = dict(activity.sigs)

    class Counting(Raising):
        def handle_request(self, request: Any, message: Any) -> Any:
            super().handle_request(request, message)
            return {sig.name: count for sig, count in getattr(self, "counts", {}).items()}

    with ipcm.service("sig", Counting, signals_to_grab=["USR1"], on_all=look) as handle:
        handle.request(5)
        assert handle.request(0) == {"SIGUSR1": 5}


class TestBeginningAndEnd:
    def test_those_that_come_during_the_start(self) -> None:
        def start(service: Service) -> None:
            signal.raise_signal(SIGUSR1)
            signal.raise_signal(SIGUSR1)

        with ipcm.service("sig", Telling, on_start=start, on_sig={"USR1": note}) as handle:
            wait_until(lambda: handle.request(0) == ["SIGUSR1", "SIGUSR1"])

    def test_those_that_come_before_a_terminate_of_the_same_turn(self) -> None:
        self._written(on_general_message=lambda s, m: [signal.raise_signal(SIGUSR1), s.terminate()])

    def test_those_that_come_during_clean_up(self) -> None:
        self._written(
            on_general_message=lambda s, m: s.terminate(),
            on_cleanup=lambda s: signal.raise_signal(SIGUSR1),
        )

    def test_those_that_come_while_the_workers_are_ended(self) -> None:
        def start(service: Service) -> None:
            ready, told = os.pipe()
            boss = os.getpid()

            def work() -> None:
                def last(number: int, frame: object) -> None:
                    os.kill(boss, SIGUSR1)
                    os._exit(0)

                signal.signal(signal.SIGTERM, last)
                os.write(told, b"x")
                while True:
                    signal.pause()

            ipcm.worker("w", work)
            os.read(ready, 1)
            os.close(ready)
            os.close(told)

        self._written(on_general_message=lambda s, m: s.terminate(), on_start=start)

    def _written(self, **params: Any) -> None:
        """The callback of the signal has run once when the service is over."""
        read, write = os.pipe()
        try:
            with ipcm.service(
                "sig", Telling, on_sig={"USR1": lambda s, sig: os.write(write, b"x")}, **params
            ) as handle:
                handle.client.send_message("sig", "go")
                assert handle.wait(5) == 0
        finally:
            assert pipe_text(read, write) == "x"

    def test_handlers_and_wakeup_fd_are_put_back(self) -> None:
        def state() -> list[Any]:
            wakeup = signal.set_wakeup_fd(-1)
            signal.set_wakeup_fd(wakeup)
            grabbed = (SIGUSR1, signal.SIGTERM, signal.SIGCHLD, signal.SIGINT)
            return [wakeup, *(signal.getsignal(number) for number in grabbed)]

        def test() -> bool:
            signal.signal(SIGUSR1, lambda *_: None)
            before = state()
            with ipcm.spawn() as bus:
                service = Telling("here", bus.info, on_sig={"USR1": note}, on_start=lambda s: (
                    service.noted.append(state() != before), service.terminate(6)
                ))  # fmt: skip
                assert service.run() == 6
            assert service.noted == [True]
            return state() == before

        assert in_child(test)


class TestOthers:
    """What one process is sent is not counted in another."""

    def test_a_worker_s_signals_are_its_own(self) -> None:
        def start(service: Any) -> None:
            pid = ipcm.worker("w", signal.pause)
            os.kill(pid, SIGUSR1)

        with ipcm.service("sig", Telling, on_start=start, on_sig={"USR1": note}) as handle:
            wait_until(lambda: handle.snapshot().ended_workers)
            (worker,) = handle.snapshot().ended_workers
            assert worker.exit == -SIGUSR1
            assert handle.request(0) == []

    def test_bursts_across_forks_stay_with_the_service(self) -> None:
        class Forking(Telling):
            def handle_request(self, request: Any, message: Any) -> Any:
                if request.payload == "go":
                    for n in range(20):
                        signal.raise_signal(SIGUSR1)
                        ipcm.worker(f"w{n}", lambda: None)
                        signal.raise_signal(SIGUSR1)
                return len(self.noted)

        with ipcm.service("sig", Forking, on_sig={"USR1": note}) as handle:
            handle.request("go")
            assert handle.request("count") == 40
            wait_until(lambda: len(handle.snapshot().ended_workers) == 20)
            assert {worker.exit for worker in handle.snapshot().ended_workers} == {0}

    def test_the_starter_s_signals_are_its_own(self) -> None:
        seen: list[int] = []
        before = signal.signal(SIGUSR1, lambda number, frame: seen.append(number))
        try:
            with ipcm.service("sig", Telling, on_sig={"USR1": note}) as handle:
                signal.raise_signal(SIGUSR1)
                assert handle.request(0) == []
                os.kill(handle.service_pid, SIGUSR1)
                wait_until(lambda: handle.request(0) == ["SIGUSR1"])
            assert seen == [SIGUSR1]
        finally:
            signal.signal(SIGUSR1, before)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
    @pytest.mark.parametrize("start", ["fork", "launcher"])
    def test_what_a_terminal_sends_does_nothing_and_programs_do_not_inherit_that(
        self, number: signal.Signals, start: str
    ) -> None:
        with ipcm.service("idle", Running, start=start) as handle:
            os.kill(handle.service_pid, number)
            assert handle.request(int(number)) == -number

    def test_nohup_stays_also_for_programs(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with ipcm.service("nohup", Running, start="fork") as handle:
                assert handle.request(int(signal.SIGHUP)) == 3
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_sigint_can_be_grabbed(self) -> None:
        with ipcm.service("int", Telling, on_sig={"INT": note}) as handle:
            os.kill(handle.service_pid, signal.SIGINT)
            wait_until(lambda: handle.request(0) == ["SIGINT"])

    def test_sigterm_can_be_grabbed_and_still_ends(self) -> None:
        read, write = os.pipe()
        try:
            with ipcm.service(
                "term", Telling, on_sig={"TERM": lambda s, sig: os.write(write, sig.name.encode())}
            ) as handle:
                os.kill(handle.service_pid, signal.SIGTERM)
                assert handle.wait(5) == 0
        finally:
            assert pipe_text(read, write) == "SIGTERM"

    def test_sigchld_can_be_grabbed_and_children_are_still_reaped(self) -> None:
        def start(service: Service) -> None:
            if os.fork() == 0:
                os._exit(3)

        with ipcm.service(
            "chld",
            Telling,
            on_start=start,
            on_sig={"CHLD": note},
            on_pid=lambda s, pid, exit: s.noted.append(exit),
        ) as handle:
            wait_until(lambda: sorted(handle.request(0), key=str) == [3, "SIGCHLD"])
