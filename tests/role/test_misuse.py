"""What is asked for by mistake is refused in words of the one who asks, and does nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import ipcm
import ipcm.aio
from ipcm import Service
from tests.helpers import wait_until
from tests.role.consumers import Minimal, double

LIMIT = 10.0


def note(service: Any, sig: signal.Signals) -> None:
    service.noted = [*service.noted, sig.name]


def note_again(service: Any, sig: signal.Signals) -> None:
    service.noted = [*service.noted, "again"]


class Noting(Service):
    noted: tuple[str, ...] | list[str] = ()

    def handle_request(self, request: Any, message: Any) -> Any:
        return self.noted


class TestOnSig:
    def test_a_method(self) -> None:
        class Wrong(Noting):
            def on_sig(self, sig: Any) -> None: ...  # type: ignore[override,assignment]

        with pytest.raises(ipcm.UsageError, match=r"on_sig has to be a mapping .* run_on_sig"):
            ipcm.service("s", Wrong, start="fork")
        with pytest.raises(ipcm.UsageError, match="on_sig has to be a mapping"):
            ipcm.service("s", Wrong, start="launcher")
        assert ipcm.buses() == []

    @pytest.mark.parametrize("wrong", [5, "USR1", ["USR1"], [("USR1", note)], note, property(len)])
    def test_other_values(self, wrong: Any) -> None:
        with pytest.raises(ipcm.UsageError, match="on_sig has to be a mapping"):
            ipcm.service("s", type("Wrong", (Noting,), {"on_sig": wrong}))
        with pytest.raises(ipcm.UsageError, match="on_sig has to be a mapping"):
            ipcm.service("s", Noting, on_sig=wrong)

    def test_none(self) -> None:
        maker = type("Plain", (Noting,), {"on_sig": None})
        with ipcm.service("s", maker, on_sig={"USR1": note}) as handle:
            os.kill(handle.service_pid, signal.SIGUSR1)
            wait_until(lambda: handle.request(0) == ["SIGUSR1"])

    def test_of_class_and_service_and_named_in_several_ways(self) -> None:
        """As with the other callbacks, one more takes none away."""
        maker = type("Mine", (Noting,), {"on_sig": {"USR1": note}})
        params: dict[str, Any] = {"on_sig": {"sigusr1": note_again, signal.SIGUSR1: note}}
        with ipcm.service("s", maker, **params) as handle:
            os.kill(handle.service_pid, signal.SIGUSR1)
            wait_until(lambda: handle.request(0) == ["SIGUSR1", "again", "SIGUSR1"])


@pytest.mark.parametrize("wrong", [5.5, None, len])
def test_signals_to_grab_that_are_none(wrong: Any) -> None:
    with pytest.raises(ipcm.NoSuchSignal, match="signals are names, numbers or members"):
        ipcm.service("s", Noting, signals_to_grab=wrong)


@pytest.mark.parametrize("wrong", [5, double])
def test_endpoints_that_are_no_list(wrong: Any) -> None:
    with pytest.raises(ipcm.UsageError, match="endpoints are a list of callables"):
        ipcm.service("s", endpoints=wrong)


@pytest.mark.parametrize("name", ["run", "name", "cycle", "terminate", "workers", "client", "pid"])
def test_an_endpoint_in_the_place_of_something_else(name: str) -> None:
    """A loop that is an endpoint never begins, and a cycle that is one has no seconds."""

    @ipcm.endpoint
    def method(service: Any) -> str:
        return "called"

    maker = type("Shadowing", (Service,), {name: method})
    with pytest.raises(ipcm.UsageError, match=f"endpoint {name} would stand in the place of"):
        ipcm.service("s", maker)
    with ipcm.service("s", endpoints={name: lambda service: "called"}) as handle:
        assert handle.call(name) == "called"


@pytest.mark.parametrize("wrong", [5, "12", ["12"], [1.5], [None], [0], [-1], [[1]], object()])
@pytest.mark.parametrize("start", ["fork", "launcher"])
def test_watched_pids_that_are_none(wrong: Any, start: str) -> None:
    with pytest.raises(ipcm.UsageError, match="watch_pids has to be a list of pids"):
        ipcm.service("s", handle_request=double, watch_pids=wrong, start=start)
    assert ipcm.buses() == []


@pytest.mark.parametrize("wrong", [5, b"bus", ["bus"], object()])
def test_a_bus_that_is_none(wrong: Any) -> None:
    for call in (
        lambda: ipcm.connect("c", wrong),
        lambda: ipcm.attach("s", wrong),
        lambda: ipcm.service("s", handle_request=double, bus=wrong),
        lambda: ipcm.service("s", handle_request=double, ipcm_info=wrong),
        lambda: ipcm.spawn(transport=wrong),
        lambda: ipcm.spawn(serializer=wrong),
    ):
        with pytest.raises(ipcm.BadBusInfo):
            call()


@pytest.mark.parametrize("transport", ["unix", "memory"])
@pytest.mark.parametrize("wrong", [{"a": 1}, [1], 5, None, b"s"])
def test_a_peer_that_is_no_name(transport: str, wrong: Any) -> None:
    """The payload in its place, most of all."""
    with ipcm.spawn(transport=transport) as bus, bus.connect("c") as client:
        for call in (client.send_message, client.request, client.send_request):
            with pytest.raises(ipcm.InvalidName, match="a name is a str"):
                call(wrong, "s")
        assert isinstance(client.try_message(wrong, "s").err, ipcm.InvalidName)
        for look in (client.peer_exists, client.peer_pid, client.peer_active):
            with pytest.raises(ipcm.InvalidName, match="a name is a str"):
                look(wrong)


def some_numbers() -> Iterator[int]:
    yield 1


def test_workers_that_are_none() -> None:
    def ask(service: Any, request: Any, message: Any) -> Any:
        for name, callback in ((5, double), (None, double), ("", double), ("\ud800", double)):
            with pytest.raises(ipcm.UsageError, match="a worker is named by a text"):
                ipcm.worker(name, callback)  # type: ignore[arg-type]
        with pytest.raises(ipcm.UsageError, match="what can be called"):
            ipcm.worker("w", 5)  # type: ignore[arg-type]
        for never, what in ((asyncio.sleep, "async"), (some_numbers, "a generator")):
            with pytest.raises(ipcm.UsageError, match=f"the worker 'w' cannot be {what}"):
                ipcm.worker("w", never)  # type: ignore[arg-type]
        for pid in ("12", None, 0, -1, 1.5):
            with pytest.raises(ipcm.UsageError, match="is no pid"):
                service.register_worker("w", pid)
        return list(service.workers)

    with ipcm.service("s", handle_request=ask, expose_error_details=True) as handle:
        assert handle.request(0) == []
        assert handle.snapshot(LIMIT).workers == []


def test_a_worker_that_is_somebody_else_s_process() -> None:
    """Nor is it ended with the service, however it came to be one."""

    class Asked(Service):
        expose_error_details = True

        def handle_request(self, request: Any, message: Any) -> Any:
            for pid in (other.pid, os.getpid()):
                with pytest.raises(ipcm.UsageError, match="is no child of 's'"):
                    self.register_worker("other", pid)
            return list(self.workers)

    class Early(Service):
        def redirect(self) -> None:
            self.register_worker("other", other.pid)

        def handle_request(self, request: Any, message: Any) -> Any:
            return list(self.workers)

    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            for maker, workers in ((Asked, []), (Early, [other.pid])):
                with ipcm.service("s", maker, start="fork", worker_grace=0.0) as handle:
                    assert handle.request(0) == workers
                    handle.terminate(3)
                    assert handle.wait(LIMIT) == 3
                assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("wrong", ["nonsense", None, 1.5, 999])
def test_a_signal_that_is_none(wrong: Any, read_only: bool) -> None:
    with ipcm.service("s", handle_request=double) as handle:
        told = ipcm.UnsupportedError if read_only else ipcm.NoSuchSignal
        with handle.observe(read_only=read_only) as observer, pytest.raises(told):
            observer.signal("s", wrong)
        assert handle.request(1) == 2


def test_a_signal_by_its_name() -> None:
    with ipcm.service("s", Noting, on_sig={"USR1": note}) as handle:
        with handle.observe(read_only=False) as observer:
            observer.signal("s", "usr1", LIMIT)
        wait_until(lambda: handle.request(0) == ["SIGUSR1"])


@pytest.mark.parametrize("rate", ["x", None, float("nan"), {}])
def test_a_rate_of_events_that_is_none(rate: Any) -> None:
    with ipcm.service("s", handle_request=double) as handle:
        with pytest.raises(ipcm.UsageError, match="rate has to be a number"):
            handle.observe(rate=rate)
        for wrong in ({"events": 5}, {"events": [5]}):
            with pytest.raises(ipcm.UsageError, match="names are texts"):
                handle.observe(**wrong)
        with pytest.raises(ipcm.UsageError, match="names are texts"):
            handle.bus.observe(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("serializer", ["msgpack", "json"])
def test_what_is_as_good_as_true_or_without_end(serializer: str) -> None:
    with ipcm.spawn(serializer=serializer) as bus, ipcm.service(
        "s", handle_request=double, bus=bus
    ) as handle:  # fmt: skip
        options: dict[str, Any] = {"messages": 1, "previews": "yes", "read_only": "yes"}
        for rate in (float("inf"), 10**400):
            with handle.observe(rate=rate, events="message", **options) as observer:
                assert observer.ready(LIMIT)
                handle.request(1)
                event = observer.poll(LIMIT)[0]
                assert isinstance(event, ipcm.MessageEvent)
                assert event.preview == "1"


@pytest.mark.parametrize("serializer", ["msgpack", "json"])
def test_less_than_no_rate_is_none(serializer: str) -> None:
    with ipcm.spawn(serializer=serializer) as bus, ipcm.service(
        "s", handle_request=double, bus=bus
    ) as handle, handle.observe(rate=float("-inf")) as observer:  # fmt: skip
        assert observer.ready(LIMIT)


class TestCallbacks:
    def test_what_cannot_be_called(self) -> None:
        with ipcm.service("s", handle_request=double) as handle:
            with pytest.raises(ipcm.UsageError, match="callback has to be callable"):
                handle.send_request("s", 1, 5)  # type: ignore[arg-type]
            assert handle.snapshot(LIMIT).requests.received == 0

    def test_a_handler_for_what_was_never_fetched(self) -> None:
        async def main(bus: ipcm.Bus) -> None:
            async with ipcm.aio.connect("b", bus) as client:
                with pytest.raises(ipcm.UsageError, match="handler has to be callable"):
                    await client.disconnect(5)  # type: ignore[arg-type]
                assert await client.peer_active("b")

        with ipcm.spawn() as bus:
            with bus.connect("a") as client:
                with pytest.raises(ipcm.UsageError, match="handler has to be callable"):
                    client.disconnect(5)  # type: ignore[arg-type]
                assert client.peer_active("a")
            asyncio.run(asyncio.wait_for(main(bus), LIMIT))

    def test_a_coroutine(self) -> None:
        async def hear(response: Any, message: Any) -> None: ...

        async def main() -> None:
            async with ipcm.aio.service("s", handle_request=double) as handle:
                with pytest.raises(ipcm.UsageError, match="cannot be async"):
                    await handle.send_request("s", 1, hear)
                assert (await handle.snapshot(LIMIT)).requests.received == 0

        asyncio.run(asyncio.wait_for(main(), LIMIT))

    def test_one_that_raises_leaves_the_others_to_the_next_call(self) -> None:
        seen: list[int] = []

        def hear(response: ipcm.Response, message: Any) -> None:
            seen.append(response.payload)
            if response.payload in (0, 4):
                raise ValueError(response.payload)

        with ipcm.service("s", handle_request=double) as handle:
            with handle.batch():
                for number in range(5):
                    handle.send_request("s", number, hear)
            for _ in range(2):
                with pytest.raises(ValueError, match=r"0|4"):
                    handle.await_all_responses(LIMIT)
            handle.await_all_responses(LIMIT)
            assert seen == [0, 2, 4, 6, 8]

    def test_a_request_that_one_breaks_into_is_forgotten(self) -> None:
        def fail(response: Any, message: Any) -> None:
            raise KeyboardInterrupt

        with ipcm.service("s", handle_request=double) as handle:
            with handle.batch():
                handle.send_request("s", 1, fail)
                with pytest.raises(KeyboardInterrupt):
                    handle.request(2)
            assert handle.request(3) == 6  # both answers came before this one
            assert not handle.client.requests.open
            assert not handle.client.requests.done


@pytest.mark.parametrize("transport", ["unix", "memory"])
def test_one_that_has_run_already(transport: str) -> None:
    with ipcm.spawn(transport=transport) as bus:
        service = Service("s", bus.info, handle_request=double)
        service.should_end.append(lambda service: True)
        assert service.run() == 0
        with pytest.raises(ipcm.UsageError, match="has run already"):
            service.run()
        service.clear_service_fields()
        assert service.run() == 0


@pytest.mark.parametrize(
    "value", [b"x", {1: 2}, [None, 1.5], 2**64 - 1, 2**70, "x" * 100_000, {"a": b"\xff"}]
)
def test_what_it_ends_with_comes_as_over_the_bus(value: Any) -> None:
    with ipcm.service("s", handle_request=lambda s, r, m: s.terminate(value) and 1) as handle:
        handle.request(0)
        assert handle.wait(LIMIT) == value


class Impatient(Minimal):
    def pre_fork_hook(self) -> None:
        raise ipcm.RequestTimeout("database", 5)


@pytest.mark.parametrize("start", ["fork", "launcher"])
def test_a_time_out_in_a_hook_is_not_a_lack_of_processes(start: str) -> None:
    with pytest.raises(ipcm.IPCMError, match="no answer from 'database' within 5 s") as caught:
        ipcm.service("s", Impatient, start=start)
    assert "no process" not in str(caught.value)


@pytest.mark.parametrize("intercept", [False, True])
def test_a_start_that_fails_says_why_in_its_first_line(intercept: bool) -> None:
    def fail(service: Any) -> None:
        raise ValueError("no such table")

    with pytest.raises(ipcm.ServiceStartError) as caught:
        ipcm.service("s", handle_request=double, on_start=fail, intercept_errors=intercept)
    assert str(caught.value).splitlines()[0] == "'s' failed to start: ValueError: no such table"
