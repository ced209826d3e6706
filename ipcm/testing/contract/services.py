"""Services on the bus: in processes where it has them, else in threads."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

import ipcm
from ipcm import Bus, Message
from ipcm.testing.contract.base import LIMIT, Base
from ipcm.testing.running import Thread, running

__all__ = ["Services"]


class Noting(ipcm.Service):
    """Notes what happens to it, and tells it to whoever asks."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.noted: list[Any] = []

    def handle_request(self, request: ipcm.Request, message: Message) -> Any:
        if request.payload == "fail":
            raise ValueError("as asked")
        return self.noted if request.payload == "noted" else [request.payload]

    def run_on_general_message(self, message: Message) -> None:
        self.noted.append(message.content)

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        self.noted.append(delta)


class Services(Base):
    """The role over this transport."""

    def test_requests_and_failures(self, bus: Bus) -> None:
        with running("s", bus, Noting) as handle:
            assert handle.ready(LIMIT)
            assert handle.request("x") == ["x"]
            with pytest.raises(ipcm.RemoteError, match="Internal service error"):
                handle.request("fail")
            assert handle.request("y") == ["y"]
        assert bus.services() == []

    def test_come_and_gone_peers_are_told_after_their_messages(self, bus: Bus) -> None:
        with running("s", bus, Noting) as handle:
            handle.request("there")
            with bus.connect("visitor") as visitor:
                visitor.send_message("s", "hello")
                visitor.send_message("s", "goodbye")
            noted: list[Any] = []
            deadline = time.monotonic() + LIMIT
            while {"visitor": -1} not in noted and time.monotonic() < deadline:
                noted = handle.request("noted")
            assert [each for each in noted if each != {handle.name: 1}] in (
                [{"visitor": 1}, "hello", "goodbye", {"visitor": -1}],
                [{handle.name: 1, "visitor": 1}, "hello", "goodbye", {"visitor": -1}],
            )

    def test_it_is_seen(self, bus: Bus) -> None:
        with running("s", bus, Noting) as handle, bus.observe() as observer:
            handle.request(1)
            snapshot = observer.snapshot("s", LIMIT)
            assert (snapshot.name, snapshot.state) == ("s", "running")
            assert snapshot.requests.received >= 1
            assert observer.describe("s", LIMIT)["class"].endswith("Noting")
            with pytest.raises(ipcm.UnsupportedError, match="read-only"):
                observer.terminate("s")

    def test_an_observer_that_was_there_before_is_told_from_the_first(self, bus: Bus) -> None:
        def begin(service: Any) -> None:
            service.client().send_message("friend", "I come")

        with (
            bus.connect("friend"),
            bus.observe() as observer,
            bus.observe("s*", events=["message"], previews=False) as blind,
            bus.observe("t*") as other,
        ):
            with running("s", bus, ipcm.EchoService, on_start=begin) as handle:
                handle.request(1)
            told: list[Any] = []
            barely: list[Any] = []
            deadline = time.monotonic() + LIMIT
            while "s" not in [e.peer for e in told if getattr(e, "change", 0) < 0]:
                told += observer.poll(0.1)
                assert time.monotonic() < deadline
            while len(barely) < 3:
                barely += blind.poll(0.1)
                assert time.monotonic() < deadline
            of_it = [e for e in told if "s" in (e.service, getattr(e, "peer", None))]
            first, last = of_it[0], of_it[-1]
            assert isinstance(first, ipcm.PeerEvent) and (first.service, first.change) == ("", 1)
            assert isinstance(last, ipcm.PeerEvent) and (last.service, last.change) == ("", -1)
            for events in (told, barely):
                messages = [e for e in events if isinstance(e, ipcm.MessageEvent)]
                assert [(e.direction, e.kind, e.peer) for e in messages[:3]] == [
                    ("out", "general", "friend"),
                    ("in", "request", handle.name),
                    ("out", "response", handle.name),
                ]
            assert {type(e) for e in barely} == {ipcm.MessageEvent}
            assert all(e.preview is None for e in barely if isinstance(e, ipcm.MessageEvent))
            assert not any(event.service for event in other.poll())
            assert observer.dropped == blind.dropped == 0

    def test_an_observer_that_is_behind_learns_of_the_end_and_of_what_it_missed(
        self, bus: Bus
    ) -> None:
        with bus.observe(rate=1e9, events=["message", "terminated"]) as observer:
            with running("s", bus, ipcm.EchoService) as handle:
                assert observer.ready(LIMIT)
                for _ in range(20):
                    for _ in range(400):
                        handle.client.send_message("s", "x" * 300)
                    handle.request(1)
            told: list[Any] = []
            deadline = time.monotonic() + LIMIT
            while "s" in observer.presence and time.monotonic() < deadline:
                told += observer.poll(0.1)
            assert isinstance(told[-1], ipcm.TerminatedEvent)
            messages = [event for event in told[:-1] if event.kind != "terminate"]
            assert observer.dropped > 0
            assert len(messages) + observer.dropped == 20 * (400 + 2)

    def test_all_are_asked_to_end(self, bus: Bus) -> None:
        def wait() -> None:
            bus.wait(LIMIT)

        with running("one", bus, Noting), running("two", bus, Noting), bus.connect("c") as client:
            with pytest.raises(ipcm.RequestTimeout):
                bus.wait(0.02)
            waiting = Thread(wait)
            bus.terminate()
            waiting.result()
            assert bus.services() == []
            assert not {"one", "two"}.intersection(client.peers())

    def test_an_asker_in_each_of_several_threads(self, bus: Bus) -> None:
        gun = threading.Barrier(4)

        def ask(name: str) -> list[Any]:
            with bus.connect(name) as client:
                gun.wait(LIMIT)
                return [client.request("s", [name, n], LIMIT) for n in range(50)]

        with running("s", bus, Noting):
            threads = [Thread(lambda n=n: ask(f"asker{n}")) for n in range(4)]  # type: ignore[misc]
            for number, thread in enumerate(threads):
                assert thread.result() == [[[f"asker{number}", n]] for n in range(50)]
