"""What observers see of services: events, and what services tell of themselves."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

import ipcm
from ipcm import (
    ErrorEvent,
    Event,
    MessageEvent,
    PeerEvent,
    SignalEvent,
    TerminatedEvent,
    TurnEvent,
    WorkerEvent,
)
from tests.helpers import wait_until
from tests.observe.watched import LIMIT, Watched, is_request, of_guest, see, settle


class Asker(ipcm.Service):
    """Asks one request after the other."""

    @ipcm.endpoint
    def ask(self, times: int) -> None:
        for _ in range(times):
            self.peer("watched").call("add", a=1)


def fail(*_: object) -> None:
    raise ValueError("on purpose")


class TestEvents:
    def test_every_kind(self, bus: ipcm.Bus) -> None:
        with ipcm.attach("watched", bus) as handle, bus.observe() as observer:
            settle(observer, "watched")
            handle.call("add", a=1)
            seen = see(observer, lambda e: isinstance(e, MessageEvent) and e.direction == "out")
            asked = next(e for e in seen if isinstance(e, MessageEvent))
            answered = seen[-1]
            assert isinstance(answered, MessageEvent)
            assert (asked.direction, asked.kind, asked.peer) == ("in", "request", handle.name)
            assert (asked.endpoint, asked.preview) == ("add", '{"endpoint":"add","args":{"a":1}}')
            assert (answered.kind, answered.id, answered.preview) == ("response", asked.id, "1")
            assert answered.latency is not None and 0 <= answered.latency < LIMIT
            assert asked.size > 0 and answered.endpoint == "add"
            with pytest.raises(ipcm.RemoteError):
                handle.call("fail")
            *_, error = see(observer, lambda event: isinstance(event, ErrorEvent))
            assert isinstance(error, ErrorEvent) and "on purpose" in error.traceback
            pid = handle.call("work")
            *_, ended = see(observer, lambda e: isinstance(e, WorkerEvent) and e.change < 0)
            assert isinstance(ended, WorkerEvent)
            assert (ended.pid, ended.name, ended.exit) == (pid, "digger", 3)
            service = handle.service_pid
            assert service is not None
            os.kill(service, signal.SIGUSR1)
            *_, signalled = see(observer, lambda event: isinstance(event, SignalEvent))
            assert isinstance(signalled, SignalEvent)
            assert (signalled.signal, signalled.count) == ("SIGUSR1", 1)
            with bus.connect("guest"):
                guest = [e for e in see(observer, of_guest("watched")) if isinstance(e, PeerEvent)]
                assert {(e.service, e.change) for e in guest} >= {("watched", 1)}
            os.kill(service, signal.SIGTERM)
            seen = see(observer, lambda event: isinstance(event, TerminatedEvent))
            assert any(isinstance(e, SignalEvent) and e.signal == "SIGTERM" for e in seen)

    def test_what_happens_after_the_loop(self, bus: ipcm.Bus) -> None:
        with (
            ipcm.service("ending", Watched, bus=bus) as handle,
            handle.observe(events=["worker", "terminated"]) as observer,
        ):
            settle(observer, "ending")
            pid = handle.call("dig")
            handle.terminate(7)
            seen = see(observer, lambda e: isinstance(e, WorkerEvent) and e.change < 0)
            assert isinstance(seen[-2], TerminatedEvent) and seen[-2].value == 7
            assert isinstance(seen[-1], WorkerEvent)
            assert (seen[-1].pid, seen[-1].exit) == (pid, -signal.SIGTERM)

    @pytest.mark.parametrize(
        ("hook", "where"),
        [("on_general_message", "run_on_message"), ("on_cleanup", "run_on_cleanup")],
    )
    def test_what_ends_a_service(self, bus: ipcm.Bus, hook: str, where: str) -> None:
        params: dict[str, Any] = {"intercept_errors": False, "output": "bus", hook: fail}
        with (
            bus.observe("failing", events=["error", "terminated"]) as observer,
            ipcm.service("failing", Watched, bus=bus, **params) as handle,
        ):
            handle.client.send_message("failing", "one")
            handle.terminate()
            error, end = see(observer, lambda event: isinstance(event, TerminatedEvent))
            assert isinstance(error, ErrorEvent) and isinstance(end, TerminatedEvent)
            assert (error.where, error.error) == (where, "ValueError: on purpose")
            assert "in fail" in error.traceback
            assert (end.value, end.error) == (0, "ValueError: on purpose")

    def test_turns_are_summed_up_and_none_is_of_the_observers_making(self, bus: ipcm.Bus) -> None:
        with ipcm.attach("watched", bus) as handle, bus.observe() as observer:
            settle(observer, "watched")
            handle.request({"endpoint": "add", "args": {"a": 1}})
            # A turn may tell of the handle that came before one tells of its request.
            see(observer, lambda event: isinstance(event, TurnEvent) and event.messages)
            for _ in range(5):
                observer.snapshot("watched")
            assert not [event for event in observer.poll(0.05) if isinstance(event, TurnEvent)]
            with handle.batch():
                for n in range(300):
                    handle.send_request("watched", {"endpoint": "add", "args": {"a": n}})
            handle.await_all_responses(LIMIT)
            turns: list[TurnEvent] = []
            while sum(turn.messages for turn in turns) < 300:
                turns += [e for e in observer.poll(LIMIT) if isinstance(e, TurnEvent)]
            assert sum(turn.messages for turn in turns) == 300
            assert len(turns) < 100

    def test_a_message_is_sent_before_it_comes_in(self, bus: ipcm.Bus) -> None:
        with ipcm.service("asker", Asker, bus=bus) as handle, bus.observe() as observer:
            settle(observer, "asker", "watched")
            handle.call("ask", times=100)
            sides = [("asker", "out", "request"), ("watched", "in", "request")]
            sides += [("watched", "out", "response"), ("asker", "in", "response")]
            times: dict[tuple[str, str, str], list[float]] = {side: [] for side in sides}
            while any(len(those) < 100 for those in times.values()):
                for event in observer.poll(LIMIT):
                    if isinstance(event, MessageEvent) and event.peer in ("asker", "watched"):
                        assert event.endpoint == "add"
                        times[event.service, event.direction, event.kind].append(event.when)
            # One after the other, so that those of the four sides go together.
            assert all(
                list(moments) == sorted(moments) for moments in zip(*times.values(), strict=True)
            )

    def test_previews_are_redacted_cut_and_left_out(self, bus: ipcm.Bus) -> None:
        with (
            ipcm.attach("watched", bus) as handle,
            bus.observe() as observer,
            bus.observe(previews=False) as blind,
        ):
            settle(observer, "watched")
            settle(blind, "watched")
            handle.call("keep", secret="x")
            request = see(observer, is_request)[-1]
            assert isinstance(request, MessageEvent) and request.preview == '"(secret)"'
            with pytest.raises(ipcm.RemoteError):
                handle.request(["y" * 1000])
            request = see(observer, is_request)[-1]
            assert isinstance(request, MessageEvent) and request.preview is not None
            assert len(request.preview) == 256 and request.preview.endswith("...")
            request = see(blind, is_request)[-1]
            assert isinstance(request, MessageEvent) and request.preview is None

    def test_a_redaction_that_fails_harms_nobody(self) -> None:
        class Careless(Watched):
            intercept_errors = False

            def redact(self, content: Any) -> Any:
                raise ValueError("no")

        with (
            ipcm.service("watched", Careless) as handle,
            handle.observe() as observer,
            handle.observe(events="terminated", previews=False) as blind,
        ):
            settle(observer, "watched")
            settle(blind, "watched")
            assert handle.call("add", a=1) == 1
            request = see(observer, is_request)[-1]
            assert isinstance(request, MessageEvent) and "not shown" in (request.preview or "")
            assert handle.call("add", a=1) == 1
            handle.terminate("secret")
            for each, shown in ((observer, "redact() failed"), (blind, "(not shown)")):
                end = see(each, lambda event: isinstance(event, TerminatedEvent))[-1]
                assert isinstance(end, TerminatedEvent) and shown in end.value

    def test_up_to_the_rate_and_the_rest_is_counted(self, bus: ipcm.Bus) -> None:
        began = time.monotonic()
        with ipcm.attach("watched", bus) as handle, bus.observe(rate=20) as observer:
            settle(observer, "watched")
            for n in range(200):
                handle.call("add", a=n)
            told = 0
            while told + observer.dropped < 400:
                told += sum(isinstance(e, MessageEvent) for e in observer.poll(LIMIT))
            assert told + observer.dropped == 400
            # The answer to what was told of comes in any case.
            assert 20 <= told <= 22 + 20 * (time.monotonic() - began)
            # Counters are exact, whatever was told; and it can be asked what was not.
            snapshot = observer.snapshot("watched")
            assert snapshot.requests.received == 200
            assert snapshot.lost_events == observer.dropped

    def test_of_a_flood_whole_requests_are_told(self, bus: ipcm.Bus) -> None:
        with ipcm.attach("watched", bus) as handle, bus.observe(rate=20) as observer:
            settle(observer, "watched")
            with handle.batch():
                for n in range(100):
                    handle.send_request("watched", {"endpoint": "add", "args": {"a": n}})
            handle.await_all_responses(LIMIT)
            seen: list[MessageEvent] = []
            while len(seen) + observer.dropped < 200:
                seen += [e for e in observer.poll(LIMIT) if isinstance(e, MessageEvent)]
            asked = [event.id for event in seen if event.kind == "request"]
            answered = [event.id for event in seen if event.kind == "response"]
            assert len(asked) >= 20 and set(asked) <= set(answered)


class TestFilters:
    def test_services_by_name_or_pattern(self, bus: ipcm.Bus) -> None:
        with (
            ipcm.service("other", Watched, bus=bus) as other,
            ipcm.attach("watched", bus) as handle,
            bus.observe("oth*") as observer,
            other.observe() as same,
        ):
            settle(observer, "other")
            settle(same, "other")
            handle.call("add", a=1)
            other.call("add", a=2)
            for each in (observer, same):
                seen = see(each, is_request)
                assert {event.service for event in seen if event.service} == {"other"}
                assert each.snapshots.keys() == {"other"}
                assert each.presence.keys() >= {"watched", "other"}
            assert handle.call("subscribed") == 0

    @pytest.mark.parametrize("name", ["[ab]", "*", "a?"])
    def test_a_service_whose_name_looks_like_a_pattern(self, bus: ipcm.Bus, name: str) -> None:
        with (
            ipcm.service(name, Watched, bus=bus) as handle,
            ipcm.service("ab", Watched, bus=bus),
            handle.observe() as its,
            bus.observe(name) as named,
        ):
            assert its.ready(LIMIT) and its.snapshots.keys() == {name}
            assert named.ready(LIMIT) and name in named.snapshots

    def test_kinds(self, bus: ipcm.Bus) -> None:
        with ipcm.attach("watched", bus) as handle, bus.observe(events=["worker"]) as observer:
            settle(observer, "watched")
            handle.call("add", a=1)
            handle.call("work")
            with bus.connect("guest"):
                seen = see(observer, lambda e: isinstance(e, WorkerEvent) and e.change < 0)
            assert {type(event) for event in seen} == {WorkerEvent}
        with pytest.raises(ipcm.UsageError, match="no nonsense events"):
            bus.observe(events="nonsense")

    def test_a_function(self, bus: ipcm.Bus) -> None:
        def failed(event: Event) -> object:
            return isinstance(event, MessageEvent) and event.error

        with ipcm.attach("watched", bus) as handle, bus.observe(failed) as observer:
            settle(observer, "watched")
            handle.call("add", a=1)
            with pytest.raises(ipcm.RemoteError):
                handle.call("fail")
            (event,) = see(observer, lambda event: True)
            assert isinstance(event, MessageEvent) and event.direction == "out"

    def test_what_nobody_wants_costs_nothing(self, bus: ipcm.Bus) -> None:
        hooked = {"endpoint": "add", "args": {"a": 1}}
        with ipcm.service("plain", Hooked, bus=bus) as handle:
            assert handle.request(hooked) == [False, False, 0]
            with bus.observe(messages=False) as observer:
                settle(observer, "plain")
                assert handle.request(hooked) == [False, False, 1]
            with bus.observe(events="turn") as observer:
                settle(observer, "plain")
                assert handle.request(hooked)[:2] == [False, False]
            with bus.observe() as observer:
                settle(observer, "plain")
                assert handle.request(hooked)[:2] == [True, True]
            wait_until(lambda: handle.request(hooked) == [False, False, 0])


class Hooked(ipcm.Service):
    """Tells whether anything looks at its messages."""

    def handle_request(self, request: ipcm.Request, message: ipcm.Message) -> Any:
        client = self.client()
        hooks = [client.on_read is not None, client.on_sent is not None]
        return [*hooks, len(self._ipcm_state.subscriptions)]


class TestSnapshots:
    def test_everything_about_a_service(self, bus: ipcm.Bus) -> None:
        with (
            ipcm.attach("watched", bus) as handle,
            ipcm.attach("watched", bus) as other,
            bus.connect("guest") as guest,
        ):
            for n in range(3):
                handle.call("add", a=n)
            other.call("add", a=1)
            guest.request("watched", {"endpoint": "add", "args": {"a": 1}})
            with pytest.raises(ipcm.RemoteError):
                handle.call("fail")
            worker, child = handle.call("work"), handle.call("fork")
            pid = handle.service_pid
            assert pid is not None
            sent = time.time()
            os.kill(pid, signal.SIGUSR1)
            guest.disconnect()
            wait_until(lambda: (s := handle.snapshot()).reaped and s.ended_workers and s.signals)
            wait_until(lambda: any(change.change < 0 for change in handle.snapshot().deltas))
            snapshot = handle.snapshot()
        assert (snapshot.name, snapshot.pid, snapshot.state) == ("watched", pid, "running")
        assert len(snapshot.incarnation) == 32
        assert snapshot.requests.received == 8
        assert (snapshot.requests.open, snapshot.requests.errors) == (0, 1)
        assert (snapshot.requests.awaited, snapshot.requests.oldest) == (0, 0.0)
        assert snapshot.total.count == 8 and snapshot.total.errors == 1
        assert snapshot.endpoints["add"].count == 5 and snapshot.endpoints["fail"].errors == 1
        assert 0 < snapshot.endpoints["add"].p50 <= snapshot.endpoints["add"].p99
        assert snapshot.endpoints["add"].rate > 0
        assert snapshot.clients[handle.name].count == 6 and snapshot.clients["guest"].count == 1
        calls = {(call.endpoint, call.peer): call.count for call in snapshot.calls}
        assert calls["add", handle.name] == 3
        assert calls["add", other.name] == calls["add", "guest"] == 1
        assert [(w.pid, w.name, w.exit) for w in snapshot.ended_workers] == [(worker, "digger", 3)]
        assert [(each.pid, each.exit) for each in snapshot.reaped] == [(child, 4)]
        count = snapshot.signals["SIGUSR1"]
        assert (count.received, count.handled) == (1, 1)
        assert count.last is not None and sent - 1 < count.last < time.time() + 1
        assert [(c.peer, c.change) for c in snapshot.deltas if c.peer == "guest"] == [
            ("guest", 1),
            ("guest", -1),
        ]
        assert "on purpose" in snapshot.errors[0].error
        assert snapshot.watched == [os.getpid()]
        assert snapshot.backlog == {} and snapshot.drops == 0

    def test_the_lag_of_its_loop(self, bus: ipcm.Bus) -> None:
        with ipcm.attach("watched", bus) as handle:
            handle.call("sleep", seconds=0.1)
            handle.call("add", a=1)
            snapshot = handle.snapshot()
            assert snapshot.worst_lag >= 0.1

    def test_open_requests_and_how_long_they_wait(self) -> None:
        def ask(service: Any, request: Any, message: Any) -> Any:
            if request.payload == "ask":
                service.send_request("asker", "answer me")
            return ipcm.DEFERRED

        with (
            ipcm.service("watched", handle_request=ask) as handle,
            handle.bus.connect("asker"),
        ):
            handle.send_request("watched", "ask")
            handle.send_request("watched", "wait")
            wait_until(lambda: handle.snapshot().requests.open == 2)
            requests = handle.snapshot().requests
            assert (requests.sent, requests.awaited) == (1, 1)
            assert 0 < requests.oldest < LIMIT
