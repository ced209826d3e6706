"""Services on a stage: real ones, in one thread, in no time."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import ipcm
from ipcm import DEFERRED, Message, Request
from ipcm.role.watching import deadline
from ipcm.testing import Stage, Stalled


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


class Ticking(ipcm.Service):
    """Notes when its timed turns come, and who comes and goes."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.ticks: list[float] = []
        self.noted: list[Any] = []

    def run_on_interval(self) -> None:
        self.ticks.append(self.client().clock.monotonic())

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        self.noted.append(delta)

    def run_on_general_message(self, message: Message) -> None:
        self.noted.append(message.content)

    @ipcm.endpoint
    def add(self, a: int, b: int) -> int:
        return a + b

    @ipcm.endpoint
    async def later(self, seconds: float) -> float:
        await asyncio.sleep(seconds)
        await asyncio.sleep(0)
        return self.client().clock.monotonic()


class TestTurns:
    def test_a_request(self, stage: Stage) -> None:
        before = set(threading.enumerate())  # other tests may have left some
        stage.service("adder", Ticking, interval=3600)
        assert stage.connect("me").request("adder", {"endpoint": "add", "args": {"a": 1, "b": 2}})
        assert stage.attach("adder").call("add", a=2, b=3) == 5
        assert set(threading.enumerate()) <= before

    def test_nothing_happens_by_itself(self, stage: Stage) -> None:
        service = stage.service("s", Ticking, interval=3600)
        me = stage.connect("me")
        me.send_message("s", "hello")
        assert service.noted == []
        stage.settle()
        assert service.noted == [{"me": 1}, "hello"]
        me.send_message("s", "goodbye")
        me.disconnect()
        stage.settle()
        assert service.noted[2:] == ["goodbye", {"me": -1}]
        assert stage.clock.monotonic() == 0

    def test_services_that_ask_each_other(self, stage: Stage) -> None:
        def forward(service: Any, request: Request, message: Message) -> Any:
            return service.peer("adder").call("add", a=request.payload, b=1)

        stage.service("adder", Ticking, interval=3600)
        stage.service("front", handle_request=forward)
        stage.service("outer", handle_request=lambda s, r, m: s.peer("front").request(r.payload))
        assert stage.connect("me").request("outer", 41) == 42

    def test_deferred_answers(self, stage: Stage) -> None:
        def defer(service: Any, request: Request, message: Message) -> Any:
            service.peer("adder").send_request(
                {"endpoint": "add", "args": {"a": request.payload, "b": 1}},
                lambda r, m: service.send_response(request.sender, request.id, r.payload),
            )
            return DEFERRED

        stage.service("adder", Ticking, interval=3600)
        stage.service("front", handle_request=defer)
        assert stage.connect("me").request("front", 1) == 2

    def test_it_is_observed(self, stage: Stage) -> None:
        stage.service("s", Ticking, interval=3600)
        with stage.bus.observe() as observer:
            assert observer.snapshot("s").state == "running"
            stage.connect("me").send_message("s", "hello")
            stage.sleep(0.1)  # what is told to observers is gathered for a moment
            previews = [e.preview for e in observer.poll() if isinstance(e, ipcm.MessageEvent)]
            assert previews == ['"hello"']

    @pytest.mark.parametrize("others", [0, 1])
    def test_one_that_leaves_while_something_waits_for_it_is_waited_for_no_more(
        self, stage: Stage, others: int
    ) -> None:
        service = stage.service("s", handle_request=lambda *_: None)
        with contextlib.ExitStack() as stack:
            for _ in range(others):
                stack.enter_context(stage.bus.observe())
            with stage.bus.observe() as observer:
                observer.snapshot("s")
                for text in ("one", "two"):
                    stage.connect(text).send_message("s", text)
                    stage.settle()
                assert stage.clock.monotonic() <= deadline(service) < math.inf
            stage.sleep(1.0)
            assert deadline(service) == math.inf


class TestTime:
    def test_intervals(self, stage: Stage) -> None:
        began = time.monotonic()
        service = stage.service("s", Ticking, interval=5)
        stage.sleep(3600)
        assert service.ticks == [5.0 * n for n in range(1, 721)]
        assert stage.clock.monotonic() == 3600
        assert time.monotonic() - began < 30

    def test_what_is_due_at_the_end_of_a_sleep_has_happened(self, stage: Stage) -> None:
        service = stage.service("s", Ticking, interval=5)
        stage.sleep(5)
        assert service.ticks == [5.0]

    def test_time_outs(self, stage: Stage) -> None:
        stage.service("silent", handle_request=lambda *_: DEFERRED)
        with pytest.raises(ipcm.RequestTimeout):
            stage.connect("me").request("silent", 1)
        assert stage.clock.monotonic() == 30

    def test_a_time_out_in_a_service(self, stage: Stage) -> None:
        def ask(service: Any, request: Request, message: Message) -> Any:
            try:
                return service.peer("silent").request(1, timeout=7)
            except ipcm.RequestTimeout as error:
                return str(error)

        stage.service("silent", handle_request=lambda *_: DEFERRED)
        stage.service("asking", handle_request=ask)
        assert stage.connect("me").request("asking", 1) == "no answer from 'silent' within 7 s"
        assert stage.clock.monotonic() == 7

    def test_waiting_for_a_message(self, stage: Stage) -> None:
        me = stage.connect("me")
        assert me.get_messages(12.5) == []
        assert stage.clock.monotonic() == 12.5

    def test_waiting_for_what_never_comes(self, stage: Stage) -> None:
        stage.service("s", handle_request=lambda *_: 1)
        with pytest.raises(Stalled):
            stage.connect("me").get_messages(None)

    def test_coroutines(self, stage: Stage) -> None:
        stage.service("s", Ticking, interval=3600)
        handle = stage.attach("s")
        late = handle.send_request("s", {"endpoint": "later", "args": {"seconds": 9}})
        soon = handle.send_request("s", {"endpoint": "later", "args": {"seconds": 4}})
        assert handle.await_response(soon).payload == 4
        assert handle.await_response(late).payload == 9
        assert handle.call("later", seconds=0) == 9

    def test_a_coroutine_that_holds_out(self, stage: Stage) -> None:
        async def hold_out(service: Any, request: Request, message: Message) -> Any:
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    continue

        service = stage.service("s", handle_request=hold_out)
        stage.connect("me").send_request("s", 1)
        stage.settle()
        service.terminate(3)
        assert stage.result(service) == 3

    def test_should_end_is_asked_at_each_cycle(self, stage: Stage) -> None:
        asked: list[float] = []

        def should_end(service: Any) -> bool:
            asked.append(stage.clock.monotonic())
            return len(asked) == 4

        service = stage.service(
            "s", handle_request=lambda *_: 1, should_end=should_end, cycle=2, interval=2
        )
        assert stage.result(service) == 0
        assert asked == [2, 4, 6, 8]


class TestEndings:
    def test_a_result(self, stage: Stage) -> None:
        cleaned: list[str] = []
        service = stage.service("s", Ticking, on_cleanup=lambda s: cleaned.append(s.name))
        stage.attach("s").terminate("done")
        assert stage.result(service) == "done"
        assert cleaned == ["s"]
        assert stage.bus.services() == []

    def test_the_end_of_the_stage_ends_them(self) -> None:
        cleaned: list[str] = []
        with Stage() as stage:
            for name in ("one", "two"):
                stage.service(name, Ticking, on_cleanup=lambda s: cleaned.append(s.name))
            bus = stage.bus
        assert sorted(cleaned) == ["one", "two"]
        with pytest.raises(ipcm.BusGone):
            bus.peers()

    def test_a_callback_that_fails_ends_its_service_only(self, stage: Stage) -> None:
        def fail(service: Any) -> None:
            raise ValueError("as asked")

        bad = stage.service("bad", on_interval=fail, handle_request=lambda *_: DEFERRED, interval=1)
        stage.service("good", handle_request=lambda *_: "good")
        me = stage.connect("me")
        with pytest.raises(ipcm.PeerGone):
            me.request("bad", 1)
        assert me.request("good", 1) == "good"
        with pytest.raises(ValueError, match="as asked"):
            stage.result(bad)

    def test_what_nobody_asked_for_comes_out_at_the_end(self) -> None:
        def fail(service: Any) -> None:
            raise ValueError("as asked")

        with pytest.raises(ValueError, match="as asked"), Stage() as stage:
            stage.service("bad", on_interval=fail, handle_request=lambda *_: 1, interval=1)
            stage.sleep(2)

    def test_a_start_that_fails(self, stage: Stage) -> None:
        def fail(service: Any) -> None:
            raise ValueError("as asked")

        with pytest.raises(ipcm.ServiceStartError, match="as asked"):
            stage.service("bad", on_start=fail, handle_request=lambda *_: 1)
        stage.service("bad", handle_request=lambda *_: 1)
        with pytest.raises(ipcm.NameTaken):
            stage.service("bad", handle_request=lambda *_: 1)

    def test_one_that_still_runs(self, stage: Stage) -> None:
        service = stage.service("s", handle_request=lambda *_: 1)
        with pytest.raises(ipcm.RequestTimeout, match="'s' has not ended within 5 s"):
            stage.result(service, 5)
        with pytest.raises(ipcm.UsageError, match="not on this stage"):
            stage.result(ipcm.EchoService(name="x", ipcm_info=stage.bus.info))


class TestSignals:
    def test_they_are_counted(self, stage: Stage) -> None:
        seen: list[str] = []
        service = stage.service(
            "s",
            handle_request=lambda *_: len(seen),
            on_sig={"HUP": lambda s, sig: seen.append(sig.name)},
        )
        stage.signal(service, "HUP", 3)
        stage.signal(service, "SIGHUP")
        assert stage.connect("me").request("s", 1) == 4
        stage.signal(service, "TERM")
        assert stage.result(service) == 0

    def test_no_children(self, stage: Stage) -> None:
        def start(service: Any, request: Request, message: Message) -> Any:
            return ipcm.worker("w", lambda: None)

        stage.service("s", handle_request=start, expose_error_details=True)
        with pytest.raises(ipcm.RemoteError, match="can have no children"):
            stage.connect("me").request("s", 1)


def test_a_minimal_consumer_of_the_role() -> None:
    class Minimal(ipcm.ServiceRole):
        watch_pids = None
        orig_io = None

        def __init__(self, name: str, ipcm_info: str, pid: int) -> None:
            self.name, self.ipcm_info, self.pid = name, ipcm_info, pid

        def set_pid(self, pid: int) -> None:
            self.pid = pid

        def handle_request(self, request: Request, message: Message) -> Any:
            return [request.payload, request.sender]

    with Stage("json") as stage:
        stage.service("s", Minimal)
        assert stage.connect("me").request("s", 1) == [1, "me"]
        assert stage.bus.serializer == "json"


def test_two_stages_at_once() -> None:
    with Stage() as one, Stage() as two:
        first = one.service("s", Ticking, interval=1)
        second = two.service("s", Ticking, interval=1)
        one.sleep(3)
        assert (len(first.ticks), len(second.ticks)) == (3, 0)
