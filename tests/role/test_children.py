"""Children of a service: those that it reaps, and those that it leaves to others."""

from __future__ import annotations

import asyncio
import atexit
import math
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import ipcm
from ipcm import Activity, Service
from ipcm.role import loop
from tests.helpers import gone, wait_until
from tests.role.consumers import Telling, double, pipe_text


def forked(child: Any) -> int:
    """A plain child, that the service has to find by itself."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(child() or 0)
        finally:
            os._exit(99)
    return pid


def note_exit(service: Any, pid: int, exit: int) -> None:
    service.noted.append([pid, exit])


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(
    ("leave", "exit"), [(lambda: sys.exit(3), 3), (lambda: "as if it were the service", 1)]
)
def test_a_child_that_comes_back_from_a_callback_is_not_the_service(
    leave: Callable[[], Any], exit: int, intercept: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its end is not the service's: no cleanup, no callbacks at exit, no word to the starter."""
    read, write = os.pipe()

    def end(service: Any) -> None:
        os.write(write, b"cleanup ")

    class Forking(Telling):
        def run_on_start(self) -> None:
            atexit.register(os.write, write, b"atexit ")

        def handle_request(self, request: Any, message: Any) -> Any:
            if request.payload == "noted":
                return [exit for _, exit in self.noted]
            return leave() if os.fork() == 0 else "parent"

    try:
        with ipcm.service(
            "boss", Forking, on_pid=note_exit, on_cleanup=end, intercept_errors=intercept
        ) as handle:
            assert handle.request("fork") == "parent"
            wait_until(lambda: handle.request("noted") == [exit])
            handle.terminate()
            assert handle.wait(5) == 0
    finally:
        assert pipe_text(read, write) == "cleanup atexit "
    assert ("WrongProcess" in capfd.readouterr().err) == (exit == 1)


def test_a_child_that_comes_back_from_the_start_does_not_say_that_it_is_ready(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def start(service: Any) -> None:
        if pid := os.fork():
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            os.read(read, 1)

    read, write = os.pipe()
    try:
        with ipcm.service("boss", Telling, on_start=start, start="fork", wait=False) as handle:
            wait_until(lambda: "WrongProcess" in capfd.readouterr().err)
            assert not handle.ready()
            os.write(write, b"x")
            assert handle.ready(5)
    finally:
        os.close(read)
        os.close(write)


def test_a_child_that_comes_back_reads_nothing_of_its_service_s(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fork(service: Any, message: ipcm.Message) -> None:
        there.send(b"x")
        there.recv(1)
        if pid := os.fork():
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    here, there = socket.socketpair()
    with (
        here,
        there,
        ipcm.service("boss", Telling, on_general_message=fork, start="fork") as handle,
    ):
        handle.client.send_message("boss", 1)
        here.recv(1)
        waits = handle.send_request("boss", 0)
        here.send(b"x")
        assert handle.await_response(waits, 5).ok
    assert "WrongProcess: the service 'boss'" in capfd.readouterr().err


def test_nor_handles_a_child_what_its_service_has_read() -> None:
    def fork(service: Any, message: ipcm.Message) -> None:
        os.write(write, message.content)
        if message.content == b"fork " and (pid := os.fork()):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    read, write = os.pipe()
    try:
        with ipcm.service("boss", Telling, on_general_message=fork, start="fork") as handle:
            with handle.batch():
                for content in (b"fork ", b"after"):
                    handle.client.send_message("boss", content)
            assert handle.request(0) == []
    finally:
        assert pipe_text(read, write) == "fork after"


def test_a_child_sends_nothing_of_what_its_service_holds_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "_SLOW", math.inf)  # else the answers of a turn leave one by one

    def handle_request(service: Service, request: Any, message: Any) -> None:
        service.client().send_message(request.sender, request.payload)
        if request.payload == "fork":
            pid = os.fork()
            if pid == 0:
                sys.exit()
            os.waitpid(pid, 0)

    with ipcm.service("boss", handle_request=handle_request, start="fork") as handle:
        with handle.batch():
            for payload in ("before", "fork", "after"):
                handle.send_request("boss", payload)
        handle.await_all_responses(5)
        told = [message.content for message in handle.client.get_messages()]
        assert told == ["before", "fork", "after"]


def test_a_child_sends_nothing_of_what_its_parent_holds_back() -> None:
    with ipcm.service("boss", Telling, on_general_message=note_message) as handle:
        client = handle.client
        with handle.batch():
            client.send_message("boss", "once")
            pid = os.fork()
            if pid == 0:
                try:
                    client.uncork()  # as at the end of the block
                finally:
                    os._exit(0)
            os.waitpid(pid, 0)
        assert handle.request(0) == ["once"]


def note_message(service: Any, message: ipcm.Message) -> None:
    service.noted.append(message.content)


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class TestReaped:
    def test_exits_are_those_of_subprocess_and_each_comes_once(self) -> None:
        started: dict[int, int] = {}

        def start(service: Any) -> None:
            for child, exit in ((lambda: 0, 0), (lambda: 7, 7), (kill_self, -9)):
                started[forked(child)] = exit
            ipcm.worker("not told", lambda: 5)

        class Telling2(Telling):
            def handle_request(self, request: Any, message: Any) -> Any:
                return [self.noted, [list(each) for each in started.items()]]

        with ipcm.service("boss", Telling2, on_start=start, on_pid=note_exit) as handle:
            wait_until(lambda: handle.snapshot().ended_workers)
            wait_until(lambda: len(handle.request(0)[0]) >= 3)
            noted, expected = handle.request(0)
            assert sorted(noted) == sorted(expected)
            assert {child.exit for child in handle.snapshot().reaped} == {0, 7, -9}

    def test_they_are_in_the_activity(self) -> None:
        def look(service: Any, activity: Activity) -> None:
            if activity.pids:
                service.noted += activity.pids.values()

        with ipcm.service(
            "boss", Telling, on_start=lambda s: forked(lambda: 4) and None, on_all=look
        ) as handle:
            wait_until(lambda: handle.request(0) == [4])

    def test_registered_ones_are_workers(self) -> None:
        def start(service: Service) -> None:
            pid = forked(signal.pause)
            service.register_worker("mine", pid)
            assert service.workers == {pid: "mine"}

        with ipcm.service("boss", Telling, on_start=start, on_pid=note_exit) as handle:
            (worker,) = handle.snapshot().workers
            assert worker.name == "mine"
            os.kill(worker.pid, signal.SIGTERM)
            wait_until(lambda: handle.snapshot().ended_workers)
            assert handle.snapshot().ended_workers[0].exit == -signal.SIGTERM
            assert handle.request(0) == []

    def test_one_registered_before_the_loop(self) -> None:
        class Early(Telling):
            def redirect(self) -> None:
                self.register_worker("early", forked(signal.pause))

        with ipcm.service("boss", Early) as handle:
            (worker,) = handle.snapshot().workers
            os.kill(worker.pid, signal.SIGKILL)
            wait_until(lambda: handle.snapshot().ended_workers)
            assert handle.snapshot().ended_workers[0].exit == -9

    def test_reaping_by_hand(self) -> None:
        class Reaping(Telling):
            def handle_request(self, request: Any, message: Any) -> Any:
                workers = {ipcm.worker(f"w{n}", lambda: 3) for n in range(request.payload)}
                plain = forked(lambda: 6)
                for pid in workers | {plain}:
                    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
                if request.payload < 100:
                    return [self.reap_children() == {plain: 6}, self.workers == {}]
                reaped = self.reap_workers()
                exits = {(str(each["name"])[0], each["exit"]) for each in reaped.values()}
                return [reaped.keys() == workers, exits == {("w", 3)}, self.workers == {}]

        with ipcm.service("boss", Reaping, on_pid=note_exit) as handle:
            assert handle.request(5) == [True, True]
            assert handle.request(120) == [True, True, True]  # more than the service remembers

    def test_what_reaping_workers_finds_comes_in_the_next_turn(self) -> None:
        class Reaping(Telling):
            def run_on_general_message(self, message: ipcm.Message) -> None:
                pid = forked(lambda: 6)
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
                self.noted.append(self.reap_workers())

        with ipcm.service("boss", Reaping, on_pid=lambda s, p, e: s.noted.append(e)) as handle:
            handle.client.send_message("boss", "go")
            wait_until(lambda: handle.request(0) == [{}, 6])

    def test_everybody_s_where_that_is_asked_for(self) -> None:
        def start(service: Any) -> None:
            service.popen = subprocess.Popen(["sh", "-c", "exit 5"])

        with ipcm.service(
            "boss", Telling, reap_all=True, on_start=start, on_pid=note_exit
        ) as handle:
            wait_until(lambda: [exit for _, exit in handle.request(0)] == [5])


class Keeping(Telling):
    """Has a child of some library for many turns, in which other children are reaped."""

    child: Any = None

    def handle_request(self, request: Any, message: Any) -> Any:
        match request.payload:
            case "popen":
                self.child = subprocess.Popen(["sh", "-c", "exit 5"])
                return self.child.pid
            case "multiprocessing":
                fork = multiprocessing.get_context("fork")
                self.child = fork.Process(target=sys.exit, args=(5,))
                self.child.start()
                return self.child.pid
            case "turn":
                forked(lambda: 0)
                return len(self.noted)
            case "poll":
                return self.child.poll()
            case "exitcode":
                self.child.join(5)
                return self.child.exitcode
        return None


class TestLeftToOthers:
    @pytest.mark.parametrize(("kind", "ask"), [("popen", "poll"), ("multiprocessing", "exitcode")])
    def test_kept_for_many_turns_it_has_its_true_exit_code(self, kind: str, ask: str) -> None:
        with ipcm.service("boss", Keeping, on_pid=note_exit) as handle:
            pid = handle.request(kind)
            wait_until(lambda: gone(pid))
            for _ in range(10):
                handle.request("turn")
            wait_until(lambda: handle.request("turn") >= 10)
            assert handle.request(ask) == 5

    def test_asyncio_in_a_handler(self) -> None:
        async def main() -> int:
            process = await asyncio.create_subprocess_exec("sh", "-c", "exit 5")
            return await process.wait()

        class Running(Telling):
            def handle_request(self, request: Any, message: Any) -> Any:
                return asyncio.run(main())

        with ipcm.service("boss", Running) as handle:
            assert handle.request(0) == 5
            assert handle.request(0) == 5


class TestTerminated:
    def test_asked_first(self) -> None:
        class Ending(Telling):
            def handle_request(self, request: Any, message: Any) -> Any:
                self.terminate_workers()
                return self.workers

        def start(service: Service) -> None:
            ready, told = os.pipe()

            def work() -> None:
                signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
                os.write(told, b"x")
                while True:
                    signal.pause()

            ipcm.worker("polite", work)
            os.read(ready, 1)

        with ipcm.service("boss", Ending, on_start=start) as handle:
            assert handle.request(0) == {}
            (worker,) = handle.snapshot().ended_workers
            assert worker.exit == 3

    def test_killed_when_the_grace_is_over(self) -> None:
        def start(service: Service) -> None:
            ready, told = os.pipe()

            def work() -> None:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.write(told, b"x")
                while True:
                    signal.pause()

            ipcm.worker("deaf", work)
            os.read(ready, 1)

        class Ending(Telling):
            def handle_request(self, request: Any, message: Any) -> Any:
                self.terminate_workers()
                return self.workers

        with ipcm.service("boss", Ending, on_start=start, worker_grace=0.1) as handle:
            assert handle.request(0) == {}
            (worker,) = handle.snapshot().ended_workers
            assert worker.exit == -signal.SIGKILL

    def test_also_after_an_error_in_clean_up(self, capfd: pytest.CaptureFixture[str]) -> None:
        def fail(service: Service) -> None:
            raise RuntimeError("bad end")

        with ipcm.service(
            "boss",
            handle_request=lambda service, request, message: list(service.workers),
            on_start=lambda service: ipcm.worker("w", signal.pause) and None,
            on_cleanup=fail,
        ) as handle:
            (pid,) = handle.request(0)
            handle.terminate()
            with pytest.raises(ipcm.ServiceDied, match="bad end"):
                handle.wait(5)
            assert gone(pid)

    def test_also_where_the_service_has_left_the_bus(self) -> None:
        with ipcm.service(
            "boss",
            handle_request=lambda service, request, message: list(service.workers),
            on_start=lambda service: ipcm.worker("w", signal.pause) and None,
            on_cleanup=lambda service: service.client().disconnect() and None,
        ) as handle:
            (pid,) = handle.request(0)
            handle.terminate(4)
            assert handle.wait(5) == 4
            assert gone(pid)


def test_a_nested_service_that_ends_is_a_child_like_others() -> None:
    def start(service: Any) -> None:
        peer = ipcm.service("inner", handle_request=double)
        service.noted.append(peer.child_pid)
        os.kill(peer.pid, signal.SIGKILL)

    with ipcm.service("outer", Telling, on_start=start, on_pid=note_exit) as handle:
        wait_until(lambda: len(handle.request(0)) == 2)
        pid, told = handle.request(0)
        assert told == [pid, -9]
