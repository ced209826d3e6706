"""Services and workers that a service starts, in whichever callback."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

import ipcm
from ipcm import Peer, Service
from tests.helpers import gone, wait_until
from tests.role.consumers import Telling, double

CALLBACKS = {
    "on_all": lambda act: {"on_all": act},
    "on_start": lambda act: {"on_start": act},
    "on_interval": lambda act: {"on_interval": act, "interval": 0.02},
    "on_general_message": lambda act: {"on_general_message": act},
    "on_peer_delta": lambda act: {"on_peer_delta": act},
    "on_sig": lambda act: {"on_sig": {"USR1": act}},
    "on_pid": lambda act: {"on_pid": act},
    "should_end": lambda act: {"should_end": act},
}


@pytest.mark.parametrize("callback", CALLBACKS)
def test_started_in(callback: str) -> None:
    def act(service: Any, *_: Any) -> None:
        if not service.noted:
            service.noted.append("once")
            peer = ipcm.service("inner", handle_request=double)
            service.noted.append([isinstance(peer, Peer), peer.request(4), peer.pid])
            service.noted.append(ipcm.worker("w", signal.pause))

    class Outer(Telling):
        def handle_request(self, request: Any, message: Any) -> Any:
            if request.payload == "fork" and os.fork() == 0:
                os._exit(0)
            return [self.noted, [list(each) for each in self.workers.items()]]

    with ipcm.service("outer", Outer, **CALLBACKS[callback](act)) as handle:
        handle.request("fork")
        os.kill(handle.service_pid, signal.SIGUSR1) if callback == "on_sig" else None
        handle.client.send_message("outer", 1)
        wait_until(lambda: len(handle.request(0)[0]) == 3)
        (_, (is_peer, answer, inner), worker), workers = handle.request(0)
        assert (is_peer, answer) == (True, 8)
        assert workers == [[worker, "w"]]
        assert set(handle.bus.services()) == {"outer", "inner"}
    assert gone(worker)
    wait_until(lambda: gone(inner))  # it has left, and is on its way out


def test_started_by_a_request_and_in_clean_up() -> None:
    read, write = os.pipe()

    class Outer(Telling):
        def handle_request(self, request: Any, message: Any) -> Any:
            return ipcm.service("inner", handle_request=double).request(4)

        def run_on_cleanup(self) -> None:
            pids = [ipcm.worker("w", signal.pause)]
            pids.append(ipcm.service("last", handle_request=double).child_pid)
            os.write(write, " ".join(map(str, pids)).encode())

    try:
        with ipcm.service("outer", Outer) as handle:
            assert handle.request(0) == 8
            handle.terminate()
            assert handle.wait(5) == 0
            pids = [int(pid) for pid in os.read(read, 100).split()]
            wait_until(lambda: all(gone(pid) for pid in pids))
    finally:
        os.close(read)
        os.close(write)


def test_not_waited_for_and_ready_later() -> None:
    class Outer(Telling):
        def run_on_start(self) -> None:
            self.gate = os.pipe()
            ipcm.service(
                "inner",
                handle_request=double,
                on_start=lambda service: os.read(self.gate[0], 1) and None,
                wait=False,
            )

        def handle_request(self, request: Any, message: Any) -> Any:
            peer = self.peer("inner")
            before = peer.ready()
            os.write(self.gate[1], b"x")
            return [before, peer.ready(5), peer.ready(), peer.request(4)]

    with ipcm.service("outer", Outer) as handle:
        assert handle.request(0) == [False, True, True, 8]


def test_a_nested_service_that_fails_to_start_raises_in_its_starter() -> None:
    def bad(service: Service) -> None:
        raise ValueError("no such table")

    def start(service: Any, request: Any, message: Any) -> Any:
        with pytest.raises(ipcm.ServiceStartError, match="no such table"):
            ipcm.service("inner", handle_request=double, on_start=bad)
        return service.client().peers()

    with ipcm.service("outer", handle_request=start) as handle:
        assert handle.request(0) == [handle.name]


def test_a_nested_service_ends_with_a_killed_starter() -> None:
    def start(service: Any, request: Any, message: Any) -> Any:
        return ipcm.service("inner", handle_request=double).child_pid

    with ipcm.service("outer", handle_request=start) as handle:
        inner = handle.request(0)
        os.kill(handle.service_pid, signal.SIGKILL)
        wait_until(lambda: gone(inner))


def test_a_service_on_a_bus_of_its_own_choice() -> None:
    with ipcm.spawn() as other:

        def start(service: Any, request: Any, message: Any) -> Any:
            ipcm.service("elsewhere", handle_request=double, bus=other.info)
            return service.client().peers()

        with ipcm.service("outer", handle_request=start) as handle:
            assert handle.request(0) == [handle.name]
            assert other.services() == ["elsewhere"]
