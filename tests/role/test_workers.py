"""Workers: registered, counted, reaped, and never left behind."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

import ipcm
from ipcm import Message, Request, Service
from tests.helpers import gone, wait_until


def workers(service: Service, request: Request, message: Message) -> Any:
    return service.workers


def start_three(service: Service) -> None:
    for n in range(3):
        ipcm.worker(f"w{n}", lambda: time.sleep(60))


def test_workers_are_counted_and_their_exit_is_kept() -> None:
    def start(service: Service) -> None:
        ipcm.worker("ok", lambda: None)
        ipcm.worker("seven", lambda: 7)
        ipcm.worker("killed", lambda: os.kill(os.getpid(), signal.SIGKILL))

    with ipcm.service("boss", handle_request=workers, on_start=start) as handle:
        wait_until(lambda: len(handle.snapshot().ended_workers) == 3)
        ended = {worker.name: worker.exit for worker in handle.snapshot().ended_workers}
        assert ended == {"ok": 0, "seven": 7, "killed": -9}
        assert handle.request(0) == {}
        assert handle.snapshot().workers_started == 3


def test_a_failing_worker_exits_with_one(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError("oh no")

    with ipcm.service(
        "boss", handle_request=workers, on_start=lambda s: ipcm.worker("bad", fail)
    ) as handle:
        wait_until(lambda: handle.snapshot().ended_workers)
        assert handle.snapshot().ended_workers[0].exit == 1
    assert "oh no" in capfd.readouterr().err


def test_workers_end_with_their_service() -> None:
    with ipcm.service("boss", handle_request=workers, on_start=start_three) as handle:
        pids = list(handle.request(0))
        assert len(pids) == 3
    assert all(gone(pid) for pid in pids)


def test_workers_die_with_a_killed_service() -> None:
    with ipcm.service("boss", handle_request=workers, on_start=start_three) as handle:
        pids = list(handle.request(0))
        assert handle.service_pid is not None
        os.kill(handle.service_pid, signal.SIGKILL)
        wait_until(lambda: all(gone(pid) for pid in pids))


def test_a_worker_talks_over_a_client_of_its_own() -> None:
    def start(service: Service) -> None:
        def work() -> None:
            with ipcm.connect("worker-1", service.ipcm_info) as client:
                client.send_message("boss", "done")

        ipcm.worker("w", work)

    def note(service: Service, message: Message) -> None:
        service.note = [message.sender, message.content]  # type: ignore[attr-defined]

    def noted(service: Service, request: Request, message: Message) -> Any:
        return getattr(service, "note", None)

    with ipcm.service(
        "boss", handle_request=noted, on_start=start, on_general_message=note
    ) as handle:
        wait_until(lambda: handle.request(0) == ["worker-1", "done"])


def test_a_worker_cannot_use_the_service_s_own_client() -> None:
    def start(service: Service) -> None:
        def work() -> int:
            try:
                service.client().send_message("x", 1)
            except ipcm.WrongProcess:
                return 9
            return 1

        ipcm.worker("w", work)

    with ipcm.service("boss", handle_request=workers, on_start=start) as handle:
        wait_until(lambda: handle.snapshot().ended_workers)
        assert handle.snapshot().ended_workers[0].exit == 9


def test_plain_children_reach_on_pid_and_those_of_subprocess_do_not() -> None:
    def start(service: Service) -> None:
        import subprocess

        service.got = {}  # type: ignore[attr-defined]
        service.popen = subprocess.Popen(["sh", "-c", "exit 5"])  # type: ignore[attr-defined]
        if os.fork() == 0:
            os._exit(4)

    def on_pid(service: Service, pid: int, exit: int) -> None:
        service.got[pid] = exit  # type: ignore[attr-defined]

    def got(service: Service, request: Request, message: Message) -> Any:
        if request.payload == "popen":
            return service.popen.poll()  # type: ignore[attr-defined]
        return list(service.got.values())  # type: ignore[attr-defined]

    with ipcm.service("boss", handle_request=got, on_start=start, on_pid=on_pid) as handle:
        wait_until(lambda: handle.request("got") == [4])
        wait_until(lambda: handle.request("popen") == 5)


def test_one_that_somebody_else_has_waited_for_has_ended_too() -> None:
    def start(service: Service, request: Request, message: Message) -> Any:
        if request.payload == "start":
            pid = ipcm.worker("w", lambda: 3)
            os.waitpid(pid, 0)
        return service.workers

    with ipcm.service("boss", handle_request=start) as handle:
        handle.request("start")
        wait_until(lambda: handle.snapshot().ended_workers)
        (ended,) = handle.snapshot().ended_workers
        assert (ended.name, ended.exit) == ("w", None)
        assert handle.request(0) == {}
        assert handle.snapshot().workers == []


def test_a_worker_of_a_worker_is_refused_with_what_to_do() -> None:
    def work() -> None:
        ipcm.worker("second", lambda: None)

    with ipcm.service(
        "boss",
        handle_request=workers,
        on_start=lambda service: ipcm.worker("first", work),
        output="bus",
    ) as handle:
        wait_until(lambda: handle.snapshot().ended_workers)
        told = handle.output().read()
    assert "UsageError: the worker 'first' cannot have a worker" in told
    assert "'boss', which alone starts them; have it do so" in told


def test_worker_outside_a_service() -> None:
    with pytest.raises(ipcm.UsageError, match="for services"):
        ipcm.worker("w", lambda: None)
