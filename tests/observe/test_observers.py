"""Observers among themselves: who is there, what they may do, and that nobody suffers from them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

import ipcm
from ipcm import PeerEvent, TerminatedEvent
from tests._os.processes import died, exit_of
from tests.helpers import wait_until
from tests.observe.watched import LIMIT, Watched, is_request, see, settle


class TestPresence:
    def test_services_that_come_and_go_under_one_name(self) -> None:
        with ipcm.spawn() as bus, bus.observe() as observer:
            lives = set()
            for _ in range(3):
                with ipcm.service("watched", Watched, bus=bus) as handle:
                    settle(observer, "watched")
                    lives.add(observer.snapshots["watched"].incarnation)
                    handle.call("add", a=1)
                    see(observer, is_request)
                    assert handle.service_pid is not None
                    os.kill(handle.service_pid, signal.SIGKILL)
                    see(observer, lambda e: isinstance(e, PeerEvent) and e.change < 0)
                see(observer, lambda e: isinstance(e, PeerEvent) and e.peer == handle.name)
                assert not observer.snapshots
            assert len(lives) == 3

    def test_events_of_each_life_between_its_coming_and_its_going(self) -> None:
        with ipcm.spawn() as bus, bus.observe() as observer:
            for life in range(4):
                with ipcm.service("watched", Watched, bus=bus) as handle:
                    for n in range(life + 1):
                        handle.call("add", a=n)
            seen: list[str] = []
            while seen.count("-") < 4:
                for event in observer.poll(LIMIT):
                    if isinstance(event, PeerEvent) and (event.service, event.peer) == (
                        "",
                        "watched",
                    ):
                        seen.append("+" if event.change > 0 else "-")
                    elif is_request(event):
                        seen.append("r")
                    elif isinstance(event, TerminatedEvent):
                        seen.append("t")
            assert "".join(seen) == "+rt-+rrt-+rrrt-+rrrrt-"

    def test_busy_and_for_how_long(self, bus: ipcm.Bus) -> None:
        with bus.observe() as observer:
            settle(observer, "watched")
            pid = observer.presence["watched"].pid
            os.kill(pid, signal.SIGSTOP)
            try:
                observer.refresh()
                with pytest.raises(ipcm.RequestTimeout):
                    observer.snapshot("watched", 1.1)
                assert 1.0 < observer.busy["watched"] < LIMIT
            finally:
                os.kill(pid, signal.SIGCONT)
            wait_until(lambda: not observer.poll(0.01) and not observer.busy)

    def test_ready_when_every_service_has_told_of_itself(self, bus: ipcm.Bus) -> None:
        with bus.observe() as observer, bus.observe("nobody") as other:
            assert observer.ready(LIMIT) and observer.snapshots.keys() == {"watched"}
            assert other.ready() and not other.snapshots
            pid = observer.presence["watched"].pid
            os.kill(pid, signal.SIGSTOP)
            try:
                with bus.observe() as late:
                    assert not late.ready(0.05)
            finally:
                os.kill(pid, signal.SIGCONT)

    def test_ready_when_the_bus_ends(self) -> None:
        with (
            ipcm.spawn() as bus,
            ipcm.service("watched", Watched, bus=bus),
            bus.observe() as observer,
        ):
            os.kill(observer.presence["watched"].pid, signal.SIGSTOP)
            bus.shutdown(0.1)
            with contextlib.suppress(ipcm.BusGone):
                assert observer.ready(LIMIT)

    def test_the_end_of_the_bus_ends_what_waits_for_events(self) -> None:
        with ipcm.spawn() as bus, bus.observe(events="message") as observer:
            bus.shutdown()
            assert list(observer) == []
            for timeout in (None, 0.0, LIMIT):
                with pytest.raises(ipcm.BusGone):
                    observer.poll(timeout)

    def test_after_its_end_it_is_no_observer(self, bus: ipcm.Bus) -> None:
        observer = bus.observe()
        observer.close()
        observer.close()
        with pytest.raises(ipcm.UsageError, match="disconnected"):
            observer.poll()


class TestReadOnly:
    """The service refuses, whatever the other side thinks."""

    def test_terminate_signal_and_requests(self, bus: ipcm.Bus) -> None:
        with bus.observe() as observer, ipcm.attach("watched", bus, read_only=True) as handle:
            assert handle.ready(LIMIT)
            for act in (
                lambda: observer.terminate("watched"),
                lambda: observer.signal("watched", signal.SIGTERM),
                lambda: observer.request("watched", 1),
                handle.terminate,
            ):
                with pytest.raises(ipcm.UnsupportedError, match="read-only"):
                    act()
            observer.read_only = handle._read_only = False
            for refused in (
                lambda: observer.terminate("watched"),
                lambda: observer.signal("watched", signal.SIGTERM),
                lambda: observer.request("watched", 1),
                lambda: handle.call("add", a=1),
            ):
                with pytest.raises(ipcm.RemoteError, match="read-only"):
                    refused()
            handle.terminate()
            snapshot = observer.snapshot("watched")
            assert (snapshot.state, snapshot.requests.received) == ("running", 0)


class TestNoHarm:
    """A stopped, slow or killed observer changes nothing for a service."""

    @pytest.fixture
    def observing(self, bus: ipcm.Bus) -> Iterator[int]:
        """Another process that observes, and then does nothing until it is killed."""
        pid = os.fork()
        if pid == 0:
            try:
                observer = bus.observe(rate=1e9)
                settle(observer, "watched")
                while True:
                    signal.pause()
            finally:
                os._exit(1)
        with ipcm.attach("watched", bus) as handle:
            wait_until(lambda: handle.call("subscribed") == 1)
        yield pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            exit_of(pid)

    def test_one_that_is_stopped(self, bus: ipcm.Bus, observing: int) -> None:
        os.kill(observing, signal.SIGSTOP)
        with ipcm.attach("watched", bus) as handle:
            before = memory(handle)
            for _ in range(30):
                with handle.batch():
                    for n in range(500):
                        handle.send_request("watched", {"endpoint": "add", "args": {"a": n}})
                handle.await_all_responses(LIMIT)
            snapshot = handle.snapshot()
            assert snapshot.requests.received >= 15_000
            # It waits for the kernel once; all else is in its ring, or was counted.
            (waiting,) = snapshot.backlog.values()
            assert waiting <= 2
            assert memory(handle) - before < 40 << 20
            os.kill(observing, signal.SIGKILL)
            assert died(observing)
            wait_until(lambda: handle.call("subscribed") == 0)
            wait_until(lambda: not handle.snapshot().backlog)
            assert handle.call("add", a=1) == 1

    def test_the_end_does_not_wait_for_one_that_is_stopped(
        self, bus: ipcm.Bus, observing: int
    ) -> None:
        os.kill(observing, signal.SIGSTOP)
        with ipcm.attach("watched", bus) as handle:
            for _ in range(10):
                with handle.batch():
                    for n in range(500):
                        handle.send_request("watched", {"endpoint": "add", "args": {"a": n}})
                handle.await_all_responses(LIMIT)
            assert handle.snapshot().backlog
            began = time.monotonic()
            handle.terminate()
            wait_until(lambda: "watched" not in bus.services())
            assert time.monotonic() - began < 2.5

    def test_the_end_does_not_wait_for_one_that_was_killed_just_before(
        self, bus: ipcm.Bus, observing: int
    ) -> None:
        class Leaving(Watched):
            def run_on_cleanup(self) -> None:
                assert self.is_terminated and self._ipcm_state.subscriptions
                os.kill(observing, signal.SIGKILL)
                assert died(observing)
                port = self.client().port
                send = port.send

                def noted(to: str, envelope: Any) -> int:
                    tried.append(to)
                    return send(to, envelope)

                port.send = noted  # type: ignore[method-assign]

        tried: list[str] = []
        with ipcm.service(
            "leaving", Leaving, bus=bus, on_sig={"USR1": lambda s, _: s.terminate(tried)}
        ) as handle:
            assert handle.call("subscribed") == 1
            assert handle.service_pid is not None
            os.kill(handle.service_pid, signal.SIGUSR1)
            assert 1 <= len(handle.wait(LIMIT)) <= 3

    def test_one_that_is_killed(self, bus: ipcm.Bus, observing: int) -> None:
        with ipcm.attach("watched", bus) as handle:
            ids = [handle.send_request("watched", {"endpoint": "add", "args": {"a": n}})
                   for n in range(300)]  # fmt: skip
            os.kill(observing, signal.SIGKILL)
            assert [handle.await_response(id).payload for id in ids] == list(range(300))
            wait_until(lambda: handle.call("subscribed") == 0)
            assert handle.snapshot().errors == []

    def test_those_that_come_and_go_leave_no_trace(self, bus: ipcm.Bus) -> None:
        with ipcm.attach("watched", bus) as handle:
            for n in range(60):
                with bus.observe() as observer:
                    assert observer.ready(LIMIT)
                    handle.call("add", a=n)
            snapshot = handle.snapshot()
            assert (snapshot.drops, snapshot.errors) == (0, [])
            assert snapshot.requests.received == 60
            assert snapshot.peers == [handle.name]

    def test_one_that_is_slow_is_told_what_it_missed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ipcm._core.subscription._MOST_WAITING", 100)
        with (
            ipcm.service("watched", Watched) as handle,
            handle.bus.observe(rate=1e9, events="message") as observer,
        ):
            settle(observer, "watched")
            for _ in range(20):
                with handle.batch():
                    for n in range(500):
                        handle.send_request("watched", {"endpoint": "add", "args": {"a": n}})
                handle.await_all_responses(LIMIT)
            told = 0
            deadline = time.monotonic() + LIMIT
            while told + observer.dropped < 20_000:
                assert time.monotonic() < deadline
                told += len(observer.poll(0.1))
            assert told + observer.dropped == 20_000
            assert observer.dropped > 0


def memory(handle: ipcm.Handle) -> int:
    from ipcm.observe.usage import UsageMeter

    pid = handle.service_pid
    assert pid is not None
    return UsageMeter().measure(pid, time.time()).rss or 0
