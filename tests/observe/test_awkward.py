"""What is too large or too strange to be sent is seen all the same, as far as it can be."""

from __future__ import annotations

import msgspec
import pytest

import ipcm
from ipcm import ErrorEvent, Event, MessageEvent, TerminatedEvent
from tests.observe.watched import LIMIT, Watched, is_request, see, settle


class Awkward(Watched):
    """Fails and ends in ways that no message could carry."""

    @ipcm.endpoint
    def fail_with(self, text: str, times: int) -> None:
        raise ValueError(text.replace("?", "\udcff") * times)

    @ipcm.endpoint
    def name_worker(self, length: int) -> None:
        ipcm.worker("w" * length, int)

    def debug(self, *parts: object) -> None:
        """Errors of megabytes are for observers here, and for nobody's terminal."""

    @ipcm.endpoint
    def note(self, times: int) -> None:
        for n in range(times):
            self.note_error(str(n), ValueError("x" * 10_000))

    @ipcm.endpoint
    def end_with(self, kind: str) -> None:
        values = {
            "object": object(), "function": len, "surrogate": "\udcff", "number": 10**40,
            "text": "x" * (17 << 20),
        }  # fmt: skip
        self.terminate(values[kind])


@pytest.mark.parametrize(("text", "times"), [("x", 3_000_000), ("?", 1), ("?", 20_000)])
def test_errors(bus: ipcm.Bus, text: str, times: int) -> None:
    with (
        ipcm.service("awkward", Awkward, bus=bus) as handle,
        handle.observe() as observer,
    ):
        settle(observer, "awkward")
        for _ in range(8):
            with pytest.raises(ipcm.RemoteError):
                handle.call("fail_with", text=text, times=times)
            *_, error = see(observer, lambda event: isinstance(event, ErrorEvent))
            assert isinstance(error, ErrorEvent)
            assert error.error.startswith("ValueError: " + text.replace("?", "\\udcff"))
            assert "fail_with" in error.traceback
        snapshot = handle.snapshot()
        assert len(snapshot.errors) == 8 and observer.dropped == 0
        assert len(msgspec.msgpack.encode(snapshot)) < 1 << 20


def test_the_error_of_an_answer(bus: ipcm.Bus) -> None:
    with (
        ipcm.service("awkward", Awkward, bus=bus, expose_error_details=True) as handle,
        handle.observe() as observer,
    ):
        settle(observer, "awkward")
        with pytest.raises(ipcm.RemoteError, match="x" * 100):
            handle.call("fail_with", text="x", times=1_000_000)
        *_, answer = see(observer, lambda e: isinstance(e, MessageEvent) and e.error)
        assert isinstance(answer, MessageEvent) and answer.error is not None
        assert len(answer.error) <= 1024 < answer.size


def test_names_of_workers(bus: ipcm.Bus) -> None:
    with ipcm.service("awkward", Awkward, bus=bus) as handle:
        handle.call("name_worker", length=40_000)
        with pytest.raises(ipcm.RemoteError):
            handle.call("name_worker", length=40_001)
        assert handle.snapshot().workers_started == 1


@pytest.mark.parametrize("kind", ["object", "function", "surrogate", "number", "text"])
def test_termination_values(bus: ipcm.Bus, kind: str) -> None:
    with (
        ipcm.service("awkward", Awkward, bus=bus) as handle,
        handle.observe() as observer,
    ):
        settle(observer, "awkward")
        handle.call("add", a=1)
        handle.call("end_with", kind=kind)
        seen = see(observer, lambda event: isinstance(event, TerminatedEvent))
        assert sum(isinstance(event, MessageEvent) for event in seen) == 4
        end = seen[-1]
        assert isinstance(end, TerminatedEvent) and 0 < len(end.value) <= 256


def test_a_description_that_cannot_be_sent(bus: ipcm.Bus) -> None:
    class Documented(Watched):
        __doc__ = "x" * (17 << 20)

    with ipcm.service("documented", Documented, bus=bus) as handle:
        with pytest.raises(ipcm.RemoteError, match="cannot be sent"):
            handle.describe()
        assert handle.snapshot().state == "running"


def test_a_batch_larger_than_a_message(bus: ipcm.Bus) -> None:
    with (
        ipcm.service("awkward", Awkward, bus=bus) as handle,
        handle.observe(events="error") as observer,
    ):
        settle(observer, "awkward")
        handle.call("note", times=2500)
        seen: list[Event] = []
        while len(seen) + observer.dropped < 2500:
            seen += observer.poll(LIMIT)
        assert [event.where for event in seen if isinstance(event, ErrorEvent)] == [
            str(n) for n in range(2500)
        ]


def test_names_that_nobody_could_be_told(bus: ipcm.Bus) -> None:
    many = [f"a-service-of-a-long-name-{n}" for n in range(5000)]
    with (
        bus.observe([*many, "awkward"]) as observer,
        bus.observe(["\udcff*", "awkward"]) as other,
        ipcm.service("awkward", Awkward, bus=bus) as handle,
    ):
        for each in (observer, other):
            settle(each, "awkward")
            handle.call("add", a=1)
            see(each, is_request)
            assert not each.busy
