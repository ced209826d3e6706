"""What others do to a service costs them, and not the service."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

import ipcm
from ipcm import Service
from ipcm._core.envelope import CONTROL, REQUEST, RESPONSE, TERMINATE, Envelope
from ipcm.testing import Stage
from tests._os.processes import read_all
from tests.helpers import gone, wait_until
from tests.role.consumers import Telling, double


@pytest.mark.parametrize("patience", ["soon", float("nan")])
def test_a_request_whose_time_out_is_none(patience: Any) -> None:
    with ipcm.service("x", handle_request=double) as handle:
        client = handle.client
        handle.request(1)
        life = client.port.outgoing["x"].incarnation
        client.requests.add(7, "x", life, time.monotonic(), 5, None)
        client.port.send("x", Envelope(REQUEST, 7, 1, patience, 0.0))
        assert "is no time-out" in str(client.await_response(7).error)
        assert handle.request(2) == 4


def test_words_that_make_no_sense() -> None:
    with ipcm.service("x", handle_request=double) as handle:
        handle.request(1)
        for kind in (-1, 7, 99, RESPONSE, CONTROL):
            for content in (None, 5, [], ["signal", 5], ["signal", {"signal": None}], ["?", {}]):
                handle.client.port.send("x", Envelope(kind, 3, content, -7.5, 0.0))
        assert handle.request(2) == 4
        assert handle.snapshot().errors == []


@pytest.mark.parametrize("given", [None, [], {}, 0, 999, "NOSUCH"])
def test_a_signal_that_is_none_is_refused_to_the_observer(given: Any) -> None:
    with ipcm.service("x", handle_request=double) as handle:
        with pytest.raises(ipcm.RemoteError, match="signal"):
            handle.client.control("x", "signal", 5.0, signal=given)
        assert handle.request(2) == 4


@pytest.mark.parametrize("failure", [ValueError, SystemExit])
def test_redacting_that_fails_harms_nobody(failure: type[BaseException]) -> None:
    class Careless(Telling):
        def redact(self, content: Any) -> Any:
            raise failure("oh no")

    with ipcm.service("x", Careless) as handle, handle.bus.observe() as observer:
        assert observer.ready(10)
        assert handle.request("secret") == []
        seen: list[Any] = []

        def previews() -> list[Any]:
            seen.extend(observer.poll(0.05))
            return [each.preview for each in seen if isinstance(each, ipcm.MessageEvent)]

        wait_until(lambda: len(previews()) >= 2)
        assert all("redact() failed" in preview for preview in previews())
        assert handle.request("secret") == []


def test_a_second_answer_in_any_callback_is_told_and_ends_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def general(service: Service, message: Any) -> None:
        service.send_response(message.sender, 1, "never asked")

    with ipcm.service("x", handle_request=double, on_general_message=general) as handle:
        handle.client.send_message("x", 1)
        assert handle.request(2) == 4
        (error,) = handle.snapshot().errors
        assert (error.where, "ExtraResponse" in error.error) == ("run_on_message", True)
        assert handle.snapshot().drops == 1


def test_a_callback_that_raises_keeps_no_other_from_being_called() -> None:
    got: list[Any] = []

    def answered(response: ipcm.Response, message: Any) -> None:
        got.append(response.ok)
        if len(got) == 2:
            raise ValueError("mine")

    def never(service: Service, request: Any, message: Any) -> Any:
        return ipcm.DEFERRED

    with ipcm.service("x", handle_request=never) as handle:
        for _ in range(4):
            handle.send_request("x", 1, answered)
        os.kill(handle.service_pid, signal.SIGKILL)
        with pytest.raises(ValueError, match="mine"):
            handle.await_all_responses(5)
        handle.poll()
        assert got == [False] * 4


def test_the_callbacks_of_a_service_s_requests_come_in_turns_of_their_own() -> None:
    """Not in the middle of a handler that waits for something else."""

    class Asking(Telling):
        def handle_request(self, request: Any, message: Any) -> Any:
            if request.payload == "noted":
                return self.noted
            late = self.peer("late")
            late.send_request(
                "wait", lambda response, message: self.noted.append("over"), timeout=0.05
            )
            self.noted.append(late.request("nap"))
            self.noted.append("still in the handler")
            return None

    class Late(Telling):
        def handle_request(self, request: Any, message: Any) -> Any:
            if request.payload == "wait":
                return ipcm.DEFERRED
            time.sleep(0.2)
            return "rested"

        def run_on_response_message(self, message: Any) -> None: ...

    # `timeout` is for the request, of which Peer.send_request takes it by name.
    with (
        ipcm.service("late", Late) as late,
        ipcm.service("asking", Asking, bus=late.bus) as handle,
    ):
        handle.request("go")
        wait_until(lambda: len(handle.request("noted")) == 3)
        assert handle.request("noted") == ["rested", "still in the handler", "over"]


class TestNamesOfBuses:
    def test_one_whose_owner_is_dead_is_taken_over_at_once(self) -> None:
        read, write = os.pipe()
        owner = os.fork()
        if owner == 0:
            bus = ipcm.spawn("mine")
            handle = ipcm.service("deaf", bus=bus, handle_request=lambda s, r, m: time.sleep(60))
            handle.send_request("deaf", 1)
            os.write(write, f"{handle.service_pid}\n".encode())
            signal.pause()
        os.close(write)
        deaf = int(read_all(read, end=b"\n"))
        with pytest.raises(ipcm.NameTaken) as caught:
            ipcm.spawn("mine")
        assert caught.value.pid == owner
        os.kill(owner, signal.SIGKILL)
        os.waitid(os.P_PID, owner, os.WEXITED | os.WNOWAIT)
        with ipcm.spawn("mine") as bus:
            assert gone(deaf)
            assert bus.owner_pid == os.getpid()
            with ipcm.service("new", handle_request=double, bus=bus) as handle:
                assert handle.request(2) == 4
        os.waitpid(owner, 0)

    def test_one_that_was_detached_is_refused_also_by_the_next_registrar(self) -> None:
        read, write = os.pipe()
        owner = os.fork()
        if owner == 0:
            bus = ipcm.spawn("free")
            bus.detach()
            ipcm.service("kept", bus=bus, handle_request=double, watch_pids=None)
            os.write(write, b"x\n")
            signal.pause()
        os.close(write)
        read_all(read, end=b"\n")
        os.kill(owner, signal.SIGKILL)
        os.waitpid(owner, 0)
        bus = ipcm.find_bus("free")
        try:
            os.kill(bus._record.keeper_pid or 0, signal.SIGKILL)
            with pytest.raises(ipcm.NameTaken):
                ipcm.spawn("free")
            with bus.connect("asker") as asker:
                assert asker.request("kept", 2, 10) == 4
            assert bus.services() == ["kept"]
        finally:
            bus.shutdown()
        assert ipcm.buses() == []


def test_a_terminate_word_with_any_value() -> None:
    with ipcm.service("x", handle_request=double) as handle:
        handle.request(1)
        handle.client.port.send("x", Envelope(TERMINATE, 0, None, "?", 0.0))
        assert handle.wait(5) == 0


def test_looking_at_a_service_changes_no_order() -> None:
    class Noting(Telling):
        def run_on_general_message(self, message: Any) -> None:
            self.noted.append(message.content)

    with Stage() as stage:
        service = stage.service("x", Noting)
        looking, sender = stage.connect("looking", kind="observer"), stage.connect("sender")
        port = service.client().port
        receive = port.receive
        later = [2, 3]

        def receive_and_send(*args: Any, **options: Any) -> Any:
            arrivals = receive(*args, **options)
            if arrivals and later:
                sender.send_message("x", later.pop(0))
            return arrivals

        port.receive = receive_and_send
        looking.send_request("x", ["snapshot", {}], control=True)
        sender.send_message("x", 1)
        stage.settle()
        assert service.noted == [1, 2, 3]


def test_looking_at_a_service_without_end_ends_it_not() -> None:
    with Stage() as stage:
        service = stage.service("x", Telling)
        looking = stage.connect("looking", kind="observer")
        port = service.client().port
        receive, left = port.receive, [None] * 2000

        def receive_and_ask(*args: Any, **options: Any) -> Any:
            arrivals = receive(*args, **options)
            if left:
                left.pop()
                looking.send_request("x", ["snapshot", {}], control=True)
            return arrivals

        port.receive = receive_and_ask
        looking.send_request("x", ["snapshot", {}], control=True)
        stage.settle()
        assert not left and not service.is_terminated
