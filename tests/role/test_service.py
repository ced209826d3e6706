"""A service from start to end, through its handle."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

import ipcm
from ipcm import DEFERRED, Message, Request, Service
from tests.helpers import wait_until

LIMIT = 10.0


class Adder(Service):
    """Adds."""

    @ipcm.endpoint
    def add(self, a: int, b: int = 0) -> int:
        """The sum."""
        return a + b

    @ipcm.endpoint
    def fail(self) -> None:
        raise ValueError("secret detail")


def double(service: Service, request: Request, message: Message) -> Any:
    return request.payload * 2


def never(service: Service, request: Request, message: Message) -> Any:
    return DEFERRED


def test_request_and_close_leave_nothing() -> None:
    with ipcm.service("double", handle_request=double) as handle:
        assert handle.request(21) == 42
        assert handle.ready()
        assert handle.service_pid == handle.child_pid
        assert handle.bus.services() == ["double"]
        assert handle.name in handle.bus.peers()
    assert ipcm.buses() == []


def test_endpoints_are_typed_and_described() -> None:
    with ipcm.service("adder", Adder) as handle:
        assert handle.call("add", a=1, b=2) == 3
        assert handle.request({"endpoint": "add", "args": {"a": 5}}) == 5
        with pytest.raises(ipcm.RemoteError, match=r"add\(a: int, b: int = 0\).*`\$.a`"):
            handle.call("add", a="x")
        with pytest.raises(ipcm.RemoteError, match="no endpoint 'nope'; endpoints: add, fail"):
            handle.call("nope")
        with pytest.raises(ipcm.RemoteError, match="expected"):
            handle.request(17)
        described = handle.describe()
        assert [e["name"] for e in described["endpoints"]] == ["add", "fail"]
        assert described["endpoints"][0]["doc"] == "The sum."
        assert described["doc"] == "Adds."


@pytest.mark.parametrize(
    ("expose", "text"), [(False, "Internal service error"), (True, "secret detail")]
)
def test_a_failing_handler_answers_and_lives_on(
    expose: bool, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with ipcm.service("adder", Adder, expose_error_details=expose) as handle:
        with pytest.raises(ipcm.RemoteError) as caught:
            handle.call("fail")
        assert caught.value.error == text
        assert handle.call("add", a=1) == 1
    assert "secret detail" in capfd.readouterr().err


def test_an_exception_without_a_text_is_an_answer_too(capfd: pytest.CaptureFixture[str]) -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text to be had")

    def fail(service: Service, request: Request, message: Message) -> Any:
        raise SilentError

    with ipcm.service("odd", handle_request=fail, expose_error_details=True) as handle:
        for _ in range(2):
            with pytest.raises(ipcm.RemoteError, match="SilentError"):
                handle.request(1)


def test_remote_errors_come_in_the_response_of_sync_request() -> None:
    with ipcm.service("adder", Adder) as handle:
        response = handle.sync_request("adder", {"endpoint": "nope"})
        assert not response.ok
        assert response.error
        assert isinstance(response.exception, ipcm.RemoteError)


def test_time_out_and_late_answer() -> None:
    def later(service: Service, message: Message) -> None:
        for peer, id in list(service._ipcm_state.open):
            service.send_response(peer, id, "late")

    with ipcm.service("late", handle_request=never, on_general_message=later) as handle:
        before = time.monotonic()
        with pytest.raises(ipcm.RequestTimeout):
            handle.request(1, timeout=0.1)
        assert 0.09 < time.monotonic() - before < 5
        id = handle.send_request("late", 2)
        handle.client.send_message("late", "answer")
        assert handle.await_response(id).payload == "late"


def test_deferred_answer_and_second_answer(capfd: pytest.CaptureFixture[str]) -> None:
    outcomes: list[str] = []

    def handle_request(service: Service, request: Request, message: Message) -> Any:
        if request.payload == "outcomes":
            return outcomes
        service.send_response(request.sender, request.id, "first")
        try:
            service.send_response(request.sender, request.id, "second")
        except ipcm.ExtraResponse:
            outcomes.append("refused")
        return "third"

    with ipcm.service("twice", handle_request=handle_request) as handle:
        assert handle.request("x") == "first"
        assert handle.request("outcomes") == ["refused"]
        (noted,) = handle.snapshot().errors
        assert "ExtraResponse" in noted.error


def test_a_handler_may_be_false() -> None:
    class Falsy(list[Any]):
        def __call__(self, service: Service, request: Request, message: Message) -> Any:
            return "answered"

    with ipcm.service("falsy", handle_request=Falsy()) as handle:
        assert handle.request("x") == "answered"


def test_none_is_a_response() -> None:
    with ipcm.service("none", handle_request=lambda s, r, m: None) as handle:
        assert handle.request("x") is None


def test_callbacks_of_requests_are_called_once() -> None:
    with ipcm.service("double", handle_request=double) as handle:
        got: list[Any] = []
        ids = [
            handle.send_request("double", n, lambda r, m: got.append((r.payload, m.sender)))
            for n in range(50)
        ]
        handle.await_all_responses(5)
        assert got == [(n * 2, "double") for n in range(50)]
        assert len(set(ids)) == 50


def test_a_killed_service_ends_its_requests_and_is_told() -> None:
    with ipcm.service("never", handle_request=never) as handle:
        id = handle.send_request("never", 1)
        assert handle.service_pid is not None
        os.kill(handle.service_pid, signal.SIGKILL)
        before = time.monotonic()
        with pytest.raises(ipcm.PeerGone):
            handle.await_response(id)
        assert time.monotonic() - before < 5  # the default time-out comes far later
        with pytest.raises(ipcm.NoSuchPeer):
            handle.request(2)
        with pytest.raises(ipcm.ServiceDied, match="killed by signal 9") as died:
            handle.wait(5)
        assert died.value.exit == -9


def test_a_response_in_the_pipe_wins_over_death() -> None:
    def last_words(service: Service, request: Request, message: Message) -> Any:
        service.send_response(request.sender, request.id, "last words")
        os.kill(os.getpid(), signal.SIGKILL)

    with ipcm.service("brave", handle_request=last_words) as handle:
        assert handle.request("x") == "last words"


def test_termination_value_reaches_the_handle() -> None:
    with ipcm.service("double", handle_request=double) as handle:
        handle.terminate(7)
        assert handle.wait(5) == 7


def test_the_first_termination_value_stays() -> None:
    def start(service: Service) -> None:
        assert service.terminate(3) == 3
        assert service.terminate(4) == 3

    with ipcm.service("brief", handle_request=double, on_start=start) as handle:
        assert handle.wait(5) == 3


class TestErrors:
    def test_an_exception_ends_the_service_and_its_handle_learns_why(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def fail(service: Service, message: Message) -> None:
            raise RuntimeError("bad day")

        with ipcm.service("weak", handle_request=double, on_general_message=fail) as handle:
            handle.client.send_message("weak", "x")
            with pytest.raises(ipcm.ServiceDied, match="bad day") as died:
                handle.wait(5)
            assert "RuntimeError" in died.value.traceback
            assert died.value.exit == 1

    def test_intercepted_errors_are_told_and_the_loop_goes_on(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def fail(service: Service, message: Message) -> None:
            raise RuntimeError("bad day")

        with ipcm.service(
            "strong", handle_request=double, on_general_message=fail, intercept_errors=True
        ) as handle:
            handle.client.send_message("strong", "x")
            assert handle.request(1) == 2
            (noted,) = handle.snapshot().errors
            assert noted.error == "RuntimeError: bad day"
        assert "bad day" in capfd.readouterr().err

    def test_failing_start_is_raised_at_once_with_its_traceback(self) -> None:
        def start(service: Service) -> None:
            raise ValueError("no such table")

        before = time.monotonic()
        with pytest.raises(ipcm.ServiceStartError, match="no such table") as failed:
            ipcm.service("bad", handle_request=double, on_start=start)
        assert "in start" in failed.value.traceback
        assert time.monotonic() - before < 5
        assert ipcm.buses() == []

    @pytest.mark.parametrize(
        ("end", "said"),
        [
            (lambda s: os._exit(3), "exit code 3"),
            (lambda s: os.kill(os.getpid(), signal.SIGKILL), "killed by signal 9"),
        ],
    )
    def test_ending_before_ready(self, end: Any, said: str) -> None:
        with pytest.raises(ipcm.ServiceStartError, match=said):
            ipcm.service("bad", handle_request=double, on_start=end)

    def test_not_ready_in_time(self) -> None:
        with pytest.raises(ipcm.ServiceStartError, match=r"not ready in 0\.2 s"):
            ipcm.service(
                "slow", handle_request=double, on_start=lambda s: time.sleep(60), timeout=0.2
            )

    def test_a_name_taken(self) -> None:
        with ipcm.service("one", handle_request=double) as handle:
            with pytest.raises(ipcm.ServiceStartError, match="already has the name 'one'"):
                ipcm.service("one", handle_request=double, bus=handle.bus)
            assert handle.request(1) == 2

    def test_unknown_parameter_and_nothing_to_answer_with(self) -> None:
        with pytest.raises(ipcm.UsageError, match="on_strat"):
            ipcm.service("x", handle_request=double, on_strat=print)
        with pytest.raises(TypeError, match="handle_request, on_all or an endpoint"):
            ipcm.service("x")
        assert ipcm.buses() == []


class TestSignals:
    def test_each_counted_delivery_runs_the_callback(self) -> None:
        def start(service: Service) -> None:
            service.seen = []  # type: ignore[attr-defined]

        def seen(service: Service, request: Request, message: Message) -> Any:
            return service.seen  # type: ignore[attr-defined]

        def on_usr1(service: Service, sig: signal.Signals) -> None:
            service.seen.append(sig.name)  # type: ignore[attr-defined]

        with ipcm.service(
            "sig", handle_request=seen, on_start=start, on_sig={"USR1": on_usr1}
        ) as handle:
            assert handle.service_pid is not None
            for _ in range(1000):
                os.kill(handle.service_pid, signal.SIGUSR1)
            wait_until(lambda: handle.request(0))

            def settled() -> bool:
                counts = handle.snapshot().signals["SIGUSR1"]
                return bool(counts.received == counts.handled == len(handle.request(0)))

            wait_until(settled)
            assert handle.snapshot().signals["SIGUSR1"].received <= 1000

    def test_sigterm_ends_in_order(self) -> None:
        with ipcm.service("term", handle_request=double) as handle:
            assert handle.service_pid is not None
            os.kill(handle.service_pid, signal.SIGTERM)
            assert handle.wait(5) == 0

    def test_a_second_sigterm_ends_at_once(self, tmp_path: Any) -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)

        def busy(service: Service, request: Request, message: Message) -> Any:
            signals = service._ipcm_state.signals
            assert signals is not None
            fifo.write_text("busy")
            while not signals.noticed:
                time.sleep(0.001)
            fifo.write_text("asked")
            time.sleep(60)

        with ipcm.service("busy", handle_request=busy) as handle:
            handle.send_request("busy", 1)
            assert fifo.read_text() == "busy"
            assert handle.service_pid is not None
            os.kill(handle.service_pid, signal.SIGTERM)
            assert fifo.read_text() == "asked"  # two that wait to be delivered are one
            with pytest.raises(ipcm.RequestTimeout):
                handle.wait(0.2)
            os.kill(handle.service_pid, signal.SIGTERM)
            with pytest.raises(ipcm.ServiceDied) as died:
                handle.wait(5)
            assert died.value.exit == -signal.SIGTERM

    def test_sigint_does_nothing(self) -> None:
        with ipcm.service("int", handle_request=double) as handle:
            assert handle.service_pid is not None
            os.kill(handle.service_pid, signal.SIGINT)
            assert handle.request(1) == 2


class TestNesting:
    def test_a_request_is_forwarded_to_an_inner_service(self) -> None:
        def start(service: Service) -> None:
            service.inner = ipcm.service("inner", handle_request=double)  # type: ignore[attr-defined]

        def forward(service: Service, request: Request, message: Message) -> Any:
            service.inner.send_request(  # type: ignore[attr-defined]
                request.payload,
                lambda response, _: service.send_response(
                    request.sender, request.id, response.payload
                ),
            )
            return DEFERRED

        with ipcm.service("outer", handle_request=forward, on_start=start) as handle:
            assert handle.request(21) == 42
            assert set(handle.bus.services()) == {"outer", "inner"}

    def test_not_waited_for_and_then_ready(self) -> None:
        def start(service: Service) -> None:
            peer = ipcm.service("inner", handle_request=double, wait=False)
            assert peer.ready(5)
            assert peer.request(4) == 8

        with ipcm.service("outer", handle_request=double, on_start=start) as handle:
            assert handle.request(1) == 2


def test_nothing_happens_in_an_idle_service() -> None:
    with ipcm.service("idle", handle_request=double) as handle:
        handle.request(1)
        turns = handle.snapshot().turns
        assert handle.client.get_messages(0.7) == []
        # One turn for each snapshot itself, and for what the first request left to do.
        assert handle.snapshot().turns <= turns + 3


class TestNamesakes:
    """A handle ends the service that it started, and no other that has its name."""

    def test_the_next_one(self) -> None:
        with ipcm.spawn() as bus:
            first = ipcm.service("s", Adder, bus=bus)
            assert first.call("add", a=1) == 1
            assert first.service_pid is not None
            os.kill(first.service_pid, signal.SIGKILL)
            with pytest.raises(ipcm.ServiceDied):
                first.wait(LIMIT)
            with ipcm.service("s", Adder, bus=bus) as second:
                first.terminate(7)
                first.close()
                assert second.call("add", a=1) == 1
                second.terminate(5)
                assert second.wait(LIMIT) == 5

    def test_the_one_that_was_there_before(self) -> None:
        with ipcm.spawn() as bus, ipcm.service("s", Adder, bus=bus) as first:
            for _ in range(5):
                ipcm.service("s", Adder, bus=bus, wait=False).close()
            assert first.call("add", a=1) == 1
            first.terminate(5)
            assert first.wait(LIMIT) == 5

    def test_one_that_has_forked_again(self) -> None:
        def daemonize(service: Service) -> None:
            if os.fork():
                os._exit(0)

        with ipcm.service("s", Adder, post_fork=daemonize) as handle:
            assert handle.service_pid != handle.child_pid
            handle.terminate(5)
            assert handle.wait(LIMIT) == 5


class Busy(Service):
    """Its private names are its own business, and its turns take several requests each."""

    _state = _control = _loop = _turn = _start = _end = _begin = None
    _watch_processes = _gather = _has_work = _look = _answer = _poller = _on_request = None

    @ipcm.endpoint
    def work(self) -> str:
        end = time.monotonic() + 0.003
        while time.monotonic() < end:
            pass
        return "done"


def test_a_name_that_comes_back_at_once_is_answered() -> None:
    """What is heard of the end of a name's life does not touch the requests of its next one."""
    with ipcm.service("busy", Busy) as handle, handle.bus.connect("other") as other:
        for _ in range(40):
            for _ in range(3):
                other.send_request("busy", {"endpoint": "work"}, lambda response, message: None)
            with handle.bus.connect("again") as again:
                assert again.request("busy", {"endpoint": "work"}, 5) == "done"
