"""`start="fork"` in a process with threads: the caller's decision, and a full reset."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import socket
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

import ipcm
from ipcm import ServiceStartError
from tests._os.processes import in_child
from tests.helpers import gone, wait_until
from tests.role.arrivals import Where
from tests.role.consumers import pipe_text
from tests.role.threads import threads


@pytest.fixture(autouse=True)
def threaded() -> Iterator[None]:
    with threads():
        yield


def forked(name: str, *args: Any, **params: Any) -> Any:
    return ipcm.service(name, *args, start="fork", **params)


def test_it_sees_what_the_program_has_and_nothing_of_it_is_copied() -> None:
    big = bytearray(b"x") * (1 << 28)

    def look(service: Any, request: Any, message: Any) -> Any:
        with open("/proc/self/smaps_rollup") as file:
            figures = dict(line.split(":") for line in file if ":" in line)
        return [len(big), big[-1], int(figures["Private_Dirty"].split()[0])]

    with forked("looking", handle_request=look) as handle:
        size, last, kilobytes = handle.request(0)
    assert (size, last) == (1 << 28, ord("x"))
    assert kilobytes < (1 << 28 >> 10) / 4


def test_nothing_ties_it_to_its_starter() -> None:
    def look(service: Any, request: Any, message: Any) -> Any:
        return [
            os.getsid(0) == os.getpid(),
            threading.active_count(),
            os.readlink("/proc/self/fd/0"),
            os.readlink(f"/proc/self/fd/{listener.fileno()}"),
        ]

    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    with listener, forked("looking", handle_request=look) as handle:
        assert handle.request(0) == [True, 1, os.devnull, os.devnull]
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)


def test_a_socket_that_it_is_given_is_its_own() -> None:
    class Given(Where):
        def __init__(self, sock: socket.socket, **params: Any) -> None:
            self.sock = sock
            super().__init__(**params)

        def handle_request(self, request: Any, message: Any) -> Any:
            return self.sock.send(b"given")

    ours, theirs = socket.socketpair()
    with ours, theirs, forked("given", Given, sock=theirs) as handle:
        assert handle.request(0) == 5
        assert ours.recv(10) == b"given"


def test_an_interrupt_of_the_starter_s_group_is_not_for_it() -> None:
    def check() -> Any:
        signal.signal(signal.SIGINT, lambda *_: None)
        threading.Thread(target=signal.pause, daemon=True).start()
        with forked("where", Where, signals_to_grab=["INT"]) as handle:
            os.killpg(os.getpgid(0), signal.SIGINT)
            handle.request(0)
            return [each.received for each in handle.snapshot().signals.values()]

    assert in_child(check) == []


def test_from_within_a_running_loop() -> None:
    async def start() -> Any:
        async def answer(service: Any, request: Any, message: Any) -> Any:
            await asyncio.sleep(0)
            return request.payload

        with forked("async", handle_request=answer) as handle:
            return handle.request([1])

    assert asyncio.run(start()) == [1]


@pytest.mark.parametrize("how", ["return", "raise", "exit", "start"])
def test_exit_callbacks_of_the_starter_never_run(how: str) -> None:
    def end(service: Any, *_: Any) -> None:
        if how == "raise":
            raise RuntimeError("ended")
        if how == "exit":
            raise SystemExit(3)
        service.terminate()

    def fail(service: Any) -> None:
        raise LookupError("no such table")

    read, write = os.pipe()
    callback = atexit.register(os.write, write, b"starter")
    try:
        if how == "start":
            with pytest.raises(ServiceStartError, match="no such table"):
                forked("failing", Where, on_start=fail)
        else:
            with forked("ending", Where, on_general_message=end) as handle:
                pid = handle.service_pid
                handle.client.send_message("ending", 0)
                with_error = how != "return"
                if with_error:
                    with pytest.raises(ipcm.ServiceDied):
                        handle.wait(10)
                else:
                    assert handle.wait(10) == 0
                assert gone(pid)
    finally:
        atexit.unregister(callback)
        assert pipe_text(read, write) == ""


def test_workers_and_inner_services_of_it() -> None:
    class Outer(Where):
        def run_on_start(self) -> None:
            self.inner = ipcm.service("inner", Where)
            self.worker = ipcm.worker("w", signal.pause)

        def handle_request(self, request: Any, message: Any) -> Any:
            return [self.inner.request(0)["starter"], self.worker]

    with forked("outer", Outer) as handle:
        starter, worker = handle.request(0)
        # It has one thread: it forks.
        assert starter == handle.service_pid
    assert gone(worker)


def test_what_a_notebook_forks_writes_to_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kernel:
        _instance = None

        @classmethod
        def clear_instance(cls) -> None:
            cls._instance = None

    def say(service: Any, request: Any, message: Any) -> Any:
        print("said")
        return Kernel._instance is None

    Kernel._instance = Kernel()
    monkeypatch.setitem(sys.modules, "ipykernel.kernelbase", types.SimpleNamespace(Kernel=Kernel))
    with forked("saying", handle_request=say) as handle:
        assert handle.request(0) is True
        wait_until(lambda: "said" in handle.output().tail(5))
    assert Kernel._instance is not None
