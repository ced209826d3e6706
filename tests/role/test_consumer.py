"""What a class has to bring to be a service, and what it may override."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import ipcm
from ipcm import Handle, Peer, Service, ServiceRole
from tests.helpers import wait_until
from tests.role.consumers import Minimal, Telling


class Given:
    """A part that brings what it is told to."""

    orig_io = name = ipcm_info = pid = watch_pids = None

    def set_pid(self, pid: int) -> None: ...

    def handle_request(self, request: Any, message: Any) -> Any: ...


ALL = ("handle_request", "ipcm_info", "name", "orig_io", "pid", "set_pid", "watch_pids")


@pytest.mark.parametrize("missing", [*[(each,) for each in ALL], ALL, ("name", "set_pid")])
def test_what_is_missing_is_named_in_one_error(missing: tuple[str, ...]) -> None:
    body = {name: vars(Given)[name] for name in ALL if name not in missing}
    consumer = type("Consumer", (ServiceRole,), body)
    with pytest.raises(TypeError) as raised:
        consumer()
    assert str(raised.value) == f"Consumer is no service yet; it lacks: {', '.join(missing)}"


def test_constructing_looks_at_nothing() -> None:
    before = set(os.listdir("/proc/self/fd"))
    service = Minimal("n", "no info string", -1, object())
    service.clear_service_fields()
    assert set(os.listdir("/proc/self/fd")) == before


def test_defaults() -> None:
    service = Minimal("n", "i", 1, None)
    assert (service.cycle, service.interval, service.worker_grace) == (0.2, 0.2, 15.0)
    assert service.use_posix_exit is False
    assert service.intercept_errors is False
    assert service.expose_error_details is False
    assert service.reap_all is False
    assert tuple(service.signals_to_grab) == ()
    assert service.peer_class is Peer
    assert service.handle_class is Handle
    assert service.terminated is None
    assert service.workers == {}
    hooks = "redirect pre_fork_hook post_fork_hook run_on_start run_on_cleanup run_on_interval"
    for hook in hooks.split():
        assert getattr(service, hook)() is None
    assert not service.run_should_end()


class LoudPeer(Peer):
    def shout(self, text: str) -> Any:
        return self.request(text.upper())


class LoudHandle(Handle):
    def shout(self, text: str) -> Any:
        return self.request(text.upper())


def test_attributes_are_overridden_on_the_class_the_instance_or_by_a_property() -> None:
    class Custom(Minimal):
        peer_class = LoudPeer
        interval = 3

        def __init__(self) -> None:
            self.handle_class = LoudHandle
            self.name, self.ipcm_info, self.pid, self.watch_pids = "n", "i", os.getpid(), None

        @property
        def cycle(self) -> float:  # type: ignore[override]
            return 7

    service = Custom()
    assert isinstance(service.peer("x"), LoudPeer)
    assert isinstance(service.handle(), LoudHandle)
    assert (service.cycle, service.interval) == (7, 3)


def test_its_own_handle_and_peer_classes_at_work() -> None:
    class Custom(Minimal):
        peer_class = LoudPeer
        handle_class = LoudHandle

        def handle_request(self, request: Any, message: Any) -> Any:
            if request.payload == "handle":
                handle = self.handle("its-own")
                try:
                    return [handle.name, handle.service_name, handle.client.peers()]
                finally:
                    handle.close()
            return self.peer("echo").shout(request.payload)  # type: ignore[attr-defined]

    with (
        ipcm.service("echo", Minimal) as echo,
        ipcm.service("custom", Custom, bus=echo.bus) as handle,
    ):
        assert handle.request("quiet") == "QUIET"
        name, of, peers = handle.request("handle")
        assert (name, of) == ("its-own", "custom")
        assert {"echo", "custom"} <= set(peers)


def test_one_peer_object_per_name() -> None:
    service = Minimal("n", "i", os.getpid(), None)
    assert service.peer("a") is service.peer("a")
    assert service.peer("a") is not service.peer("b")


def test_its_pid_is_set_after_the_fork() -> None:
    class Told(Minimal):
        def handle_request(self, request: Any, message: Any) -> Any:
            self.in_correct_pid()
            return [self.pid, os.getpid()]

    with ipcm.service("told", Told) as handle:
        pid = handle.service_pid
        assert handle.request(0) == [pid, pid]
        assert pid != os.getpid()


def test_in_another_process_it_refuses() -> None:
    service = Minimal("n", "i", os.getpid() + 1, None)
    for use in (service.in_correct_pid, service.client, service.run, lambda: service.peer("x")):
        with pytest.raises(ipcm.WrongProcess):
            use()


def test_termination() -> None:
    service = Minimal("n", "i", 1, None)
    assert (service.terminated, service.is_terminated) == (None, False)
    assert service.terminate(5) == 5
    assert service.terminate() == 5
    assert (service.terminated, service.is_terminated) == (5, True)
    service.clear_service_fields()
    assert (service.terminated, service.is_terminated) == (None, False)
    assert service.terminate() == 0
    assert service.terminated == 0


def test_terminated_by_another_thread_while_it_sleeps() -> None:
    def at_once(service: Service) -> None:
        threading.Timer(0.05, service.terminate, [6]).start()

    with ipcm.service("sleeping", Telling, on_start=at_once) as handle:
        assert handle.wait(5) == 6


def test_one_in_a_thread_is_terminated_by_the_main_one() -> None:
    with ipcm.spawn() as bus, ThreadPoolExecutor() as pool, ipcm.connect("c", bus) as client:
        service = Minimal("thread", bus.info, os.getpid(), None)
        running = pool.submit(service.run)
        assert client.peer_active("thread", 5)
        service.terminate(7)
        assert running.result(5) == 7


def test_a_child_does_not_terminate_its_service() -> None:
    def start(service: Service) -> None:
        ipcm.worker("child", service.terminate)

    with ipcm.service("boss", Telling, on_start=start) as handle:
        wait_until(lambda: handle.snapshot().ended_workers)
        turns = handle.snapshot().turns
        assert handle.client.get_messages(0.1) == []
        assert handle.snapshot().turns <= turns + 2


def test_a_look_at_one_that_is_to_end_tells_the_value() -> None:
    with ipcm.spawn() as bus:
        service = Minimal("ending", bus.info, os.getpid(), None)
        with service.client():
            service.terminate(4)
            assert service.watch().terminated == 4


def test_a_connection_to_a_bus_that_ends_meanwhile_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_late() -> None:
        raise ipcm.BusGone("the bus ended")

    with ipcm.spawn() as bus:
        client = bus.connect("late")
        monkeypatch.setattr(client.port, "subscribe", too_late)
        monkeypatch.setattr("ipcm.role.role.open_client", lambda *_, **__: client)
        with pytest.raises(ipcm.BusGone):
            Minimal("late", bus.info, os.getpid(), None).client()
        assert client.disconnected


def test_fields_are_cleared() -> None:
    service = Minimal("n", "i", os.getpid(), None)
    peer = service.peer("x")
    service.register_worker("w", 12345)
    service.clear_service_fields()
    assert service.workers == {}
    assert service.peer("x") is not peer
