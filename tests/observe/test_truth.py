"""Whatever is done to a service, those who look see just that: in virtual time, to the last one."""

from __future__ import annotations

import math
import signal
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import ipcm
from ipcm import DEFERRED, ErrorEvent, MessageEvent, SignalEvent, TurnEvent
from ipcm._core.envelope import RESPONSE
from ipcm.testing import Stage

LATENCIES = (0.001, 0.02, 0.5, 3.0)
CLIENTS = ("ann", "bob", "cat")
DEEDS = st.one_of(
    st.tuples(st.sampled_from(["ok", "bad", "unknown", "plain", "general", "forged"])),
    st.tuples(st.just("deferred"), st.sampled_from(LATENCIES)),
    st.tuples(st.just("forgotten")),
    st.tuples(st.just("signal"), st.integers(1, 5)),
)


class Known(ipcm.Service):
    """Does what it is told to, and nothing else."""

    expose_error_details = True
    signals_to_grab = ("USR1",)

    def debug(self, *texts: object) -> None:
        """What fails here is meant to."""

    def run_on_general_message(self, message: ipcm.Message) -> None:
        if message.content != "hello":
            self.send_response(message.sender, message.content, "at last")

    def run_on_sig(self, sig: signal.Signals) -> None:
        """Hears it."""

    def handle_request(self, request: ipcm.Request, message: ipcm.Message) -> Any:
        if isinstance(request.payload, dict):
            return super().handle_request(request, message)
        return DEFERRED if request.payload == "defer" else request.payload

    @ipcm.endpoint
    def ok(self) -> str:
        return "done"

    @ipcm.endpoint
    def bad(self) -> None:
        raise ValueError("on purpose")


class Deeds:
    """Does them, and keeps count by hand."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.service = stage.service("known", Known)
        self.clients = {name: stage.connect(name) for name in CLIENTS}
        self.received = self.errors = self.heard = self.signals = self.forged = self.forgotten = 0
        self.calls: Counter[tuple[str, str]] = Counter()
        self.answered: Counter[str] = Counter()
        self.latencies: list[float] = []

    def do(self, name: str, deed: Any, *args: Any) -> None:
        client = self.clients[name]
        match deed:
            case "ok" | "bad" | "unknown":
                self._ask(name, {"endpoint": deed, "args": {}}, deed)
                self.errors += deed != "ok"
            case "plain":
                self._ask(name, "plain", "")
            case "deferred":
                id = client.send_request("known", "defer", timeout=None)
                self.stage.sleep(args[0])
                client.send_message("known", id)
                self.heard += 1
                assert client.await_response(id).payload == "at last"
                self._count(name, "", args[0])
            case "forgotten":
                client.send_request("known", "defer", timeout=0.1)
                self.stage.sleep(0.2)
                self.received += 1
                self.forgotten += 1
            case "general":
                client.send_message("known", "hello")
                self.heard += 1
            case "forged":
                client.respond("known", RESPONSE, 10**9, "never asked", None)
                self.forged += 1
            case "signal":
                self.stage.signal(self.service, "USR1", *args)
                self.signals += args[0]
        self.stage.settle()

    def _ask(self, name: str, payload: Any, endpoint: str) -> None:
        self.clients[name].await_response(self.clients[name].send_request("known", payload))
        self._count(name, endpoint, 0.0)

    def _count(self, name: str, endpoint: str, latency: float) -> None:
        self.received += 1
        self.answered[name] += 1
        self.latencies.append(latency)
        if endpoint:
            self.calls[endpoint, name] += 1


def check_snapshot(seen: ipcm.Snapshot, done: Deeds) -> None:
    requests = seen.requests
    assert (requests.received, requests.open, requests.errors) == (done.received, 0, done.errors)
    assert (seen.total.count, seen.total.errors) == (len(done.latencies), done.errors)
    assert {name: each.count for name, each in seen.clients.items()} == done.answered
    assert {(each.endpoint, each.peer): each.count for each in seen.calls} == done.calls
    for name, each in seen.endpoints.items():
        assert each.count == sum(n for (endpoint, _), n in done.calls.items() if endpoint == name)
        assert each.errors == (0 if name == "ok" else each.count)
    assert seen.drops == done.forged + done.forgotten
    assert sum(seen.read.values()) == done.received + done.heard + done.forged
    assert len(seen.errors) == min(20, sum(n for (e, _), n in done.calls.items() if e == "bad"))
    signals = seen.signals.get("SIGUSR1", ipcm.SignalCount())
    assert (signals.received, signals.handled) == (done.signals, done.signals)
    for fraction, told in ((0.5, seen.total.p50), (0.95, seen.total.p95), (0.99, seen.total.p99)):
        if done.latencies:
            true = sorted(done.latencies)[math.ceil(fraction * len(done.latencies)) - 1]
            assert abs(told - true) <= max(0.095 * true, 1e-6)


def check_events(events: list[ipcm.Event], done: Deeds) -> None:
    messages = [each for each in events if isinstance(each, MessageEvent)]
    told = Counter((each.direction, each.kind) for each in messages)
    incoming = done.received + done.heard + done.forged
    assert told["in", "request"] == done.received
    assert told["out", "response"] == len(done.latencies)
    assert told["in", "general"] == done.heard
    answers = [each for each in messages if each.direction == "out"]
    assert sum(each.error is not None for each in answers) == done.errors
    assert Counter((e.endpoint, e.peer) for e in answers if e.endpoint) == done.calls
    assert sorted(round(e.latency or 0.0, 6) for e in answers) == sorted(done.latencies)
    assert sum(e.count for e in events if isinstance(e, SignalEvent)) == done.signals
    assert sum(e.messages for e in events if isinstance(e, TurnEvent)) == incoming
    bad = sum(n for (endpoint, _), n in done.calls.items() if endpoint == "bad")
    assert sum(isinstance(each, ErrorEvent) for each in events) == bad


@settings(max_examples=30)
@given(deeds=st.lists(st.tuples(st.sampled_from(CLIENTS), DEEDS), max_size=40))
def test_what_is_seen_is_what_was_done(deeds: list[tuple[str, tuple[Any, ...]]]) -> None:
    with Stage() as stage:
        done = Deeds(stage)
        with stage.bus.observe(rate=1e9) as every, stage.bus.observe(rate=3) as few:
            assert every.ready(1) and few.ready(1)
            for name, deed in deeds:
                done.do(name, *deed)
            stage.sleep(1)
            seen, told = every.poll(), few.poll()
            check_snapshot(every.snapshot("known"), done)
            check_events(seen, done)
            assert every.dropped == every.snapshot("known").lost_events == 0
            messages = [sum(isinstance(e, MessageEvent) for e in each) for each in (seen, told)]
            assert messages[1] + few.dropped == messages[0]
            assert few.snapshot("known").lost_events == few.dropped
