"""Time-outs that are none, and some that are longer than the kernel waits."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import ipcm
import ipcm.aio

LIMIT = 10.0

# More than poll(2) takes, than the clock of the kernel holds, and than there is.
LONG = [3e6, 1e10, 1e300, math.inf, 10**400]
WRONG: list[Any] = ["x", math.nan, {}, [], b"1", 1j, object()]


def answer(service: Any, request: Any, message: Any) -> Any:
    return ipcm.DEFERRED if request.payload == "later" else request.payload


CALLS: dict[str, Callable[[ipcm.Handle, Any], object]] = {
    "request": lambda handle, wrong: handle.request("wrong", wrong),
    "sync_request": lambda handle, wrong: handle.sync_request("s", "wrong", wrong),
    "send_request": lambda handle, wrong: handle.send_request("s", "wrong", timeout=wrong),
    "await_response": lambda handle, wrong: handle.await_response(
        handle.send_request("s", "right"), wrong
    ),
    "await_all_responses": lambda handle, wrong: handle.await_all_responses(wrong),
    "ready": lambda handle, wrong: handle.ready(wrong),
    "poll": lambda handle, wrong: handle.poll(wrong),
    "describe": lambda handle, wrong: handle.describe(wrong),
    "snapshot": lambda handle, wrong: handle.snapshot(wrong),
    "wait": lambda handle, wrong: handle.wait(wrong),
    "close": lambda handle, wrong: handle.close(wrong),
    "client.get_messages": lambda handle, wrong: handle.client.get_messages(wrong),
    "client.flush": lambda handle, wrong: handle.client.flush(wrong),
    "client.peer_active": lambda handle, wrong: handle.client.peer_active("s", wrong),
    "client.disconnect": lambda handle, wrong: handle.client.disconnect(flush=wrong),
    "client.suspend": lambda handle, wrong: handle.client.suspend(wrong),
    "bus.wait": lambda handle, wrong: handle.bus.wait(wrong),
    "bus.shutdown": lambda handle, wrong: handle.bus.shutdown(wrong),
    "service": lambda handle, wrong: ipcm.service("t", handle_request=answer, timeout=wrong),
}

AIO_CALLS: dict[str, Callable[[ipcm.aio.AsyncHandle, Any], Awaitable[object]]] = {
    "request": lambda handle, wrong: handle.request("wrong", wrong),
    "sync_request": lambda handle, wrong: handle.sync_request("s", "wrong", wrong),
    "await_response": lambda handle, wrong: handle.await_response(0, wrong),
    "await_all_responses": lambda handle, wrong: handle.await_all_responses(wrong),
    "ready": lambda handle, wrong: handle.ready(wrong),
    "poll": lambda handle, wrong: handle.poll(wrong),
    "snapshot": lambda handle, wrong: handle.snapshot(wrong),
    "wait": lambda handle, wrong: handle.wait(wrong),
    "close": lambda handle, wrong: handle.close(wrong),
    "client.get_messages": lambda handle, wrong: handle.client.get_messages(wrong),
    "client.flush": lambda handle, wrong: handle.client.flush(wrong),
    "client.disconnect": lambda handle, wrong: handle.client.disconnect(flush=wrong),
    "service": lambda handle, wrong: awaited(
        ipcm.aio.service("t", handle_request=answer, timeout=wrong)
    ),
}


async def awaited(opening: Awaitable[object]) -> object:
    return await opening


def heard() -> tuple[list[Any], Callable[..., Any]]:
    """Answers, and tells all that it was ever asked."""
    payloads: list[Any] = []

    def hear(service: Any, request: Any, message: Any) -> Any:
        payloads.append(request.payload)
        return payloads

    return payloads, hear


def test_what_is_no_time_is_refused_before_anything_is_done() -> None:
    with ipcm.service("s", handle_request=heard()[1]) as handle:
        for name, call in CALLS.items():
            for wrong in WRONG:
                with pytest.raises(ipcm.UsageError, match="has to be a number of seconds"):
                    call(handle, wrong)
                    pytest.fail(f"{name} took {wrong!r}")
        assert "wrong" not in handle.request("all that came")
        handle.await_all_responses(LIMIT)


def test_with_asyncio_too() -> None:
    async def main() -> None:
        async with ipcm.aio.service("s", handle_request=heard()[1]) as handle:
            for name, call in AIO_CALLS.items():
                for wrong in WRONG:
                    with pytest.raises(ipcm.UsageError, match="has to be a number of seconds"):
                        await call(handle, wrong)
                        pytest.fail(f"{name} took {wrong!r}")
            assert "wrong" not in await handle.request("all that came")

    asyncio.run(asyncio.wait_for(main(), LIMIT))


def test_observers_too() -> None:
    with ipcm.service("s", handle_request=answer) as handle, handle.observe() as observer:
        for wrong in WRONG:
            for call in (
                observer.poll,
                observer.ready,
                lambda wrong: observer.snapshot("s", wrong),
                lambda wrong: observer.describe("s", wrong),
            ):
                with pytest.raises(ipcm.UsageError, match="has to be a number of seconds"):
                    call(wrong)
        assert observer.ready(LIMIT)


@pytest.mark.parametrize("start", ["fork", "launcher"])
@pytest.mark.parametrize("timeout", LONG)
def test_longer_than_the_kernel_waits(timeout: float, start: str) -> None:
    with ipcm.service("s", handle_request=answer, start=start, timeout=timeout) as handle:
        assert handle.ready(timeout)
        assert handle.request(1, timeout) == 1
        assert handle.await_response(handle.send_request("s", 2), timeout).payload == 2
        handle.send_request("s", 3, lambda response, message: None)
        handle.await_all_responses(timeout)
        assert handle.snapshot(timeout).name == "s"
        handle.client.flush(timeout)
        handle.terminate(4)
        assert handle.wait(timeout) == 4


@pytest.mark.parametrize("timeout", LONG)
def test_a_service_that_has_as_long_lives_on(timeout: float) -> None:
    """It sleeps until then: that its asker is so patient must not end it."""
    with ipcm.service("s", handle_request=answer) as handle:
        handle.send_request("s", "later", timeout=timeout)
        for _ in range(3):
            handle.snapshot(LIMIT)
            handle.client.pump(0.02)  # it has nothing to do meanwhile
        assert handle.request(1, None) == 1
        handle.terminate(5)
        assert handle.wait(LIMIT) == 5


@pytest.mark.parametrize("seconds", LONG)
def test_one_whose_turns_come_that_rarely(seconds: float) -> None:
    def bell(service: Any) -> None:
        raise AssertionError("it is not that late")

    with ipcm.service("s", handle_request=answer, on_interval=bell, interval=seconds) as handle:
        for _ in range(3):
            handle.snapshot(LIMIT)
            handle.client.pump(0.02)
        handle.terminate(5)
        assert handle.wait(LIMIT) == 5


@pytest.mark.parametrize("name", ["cycle", "interval", "worker_grace"])
@pytest.mark.parametrize("wrong", ["x", None, math.nan])
def test_one_whose_times_are_none_does_not_start(name: str, wrong: Any) -> None:
    with pytest.raises(ipcm.ServiceStartError, match=f"{name} has to be a number of seconds"):
        ipcm.service("s", handle_request=answer, **{name: wrong})
    assert ipcm.buses() == []


def test_a_bus_that_ends_with_all_the_time_in_the_world() -> None:
    for grace in LONG:
        bus = ipcm.spawn()
        with ipcm.service("s", handle_request=answer, bus=bus) as handle:
            bus.shutdown(grace)
            assert handle.wait(LIMIT) == 0
        assert bus.name not in [other.name for other in ipcm.buses()]


def test_less_than_no_time_is_a_look() -> None:
    with ipcm.service("s", handle_request=answer) as handle:
        assert not handle.poll(-1)
        assert handle.client.get_messages(-1) == []
        with pytest.raises(ipcm.RequestTimeout, match="within 0 s"):
            handle.request("later", -1)
        with pytest.raises(ipcm.RequestTimeout, match="'s' has not ended within 0 s"):
            handle.wait(-1)
        handle.send_request("s", "later")
        with pytest.raises(ipcm.RequestTimeout, match="not all requests have ended within 0 s"):
            handle.await_all_responses(-1)
