"""What a connection keeps of others is bounded."""

from __future__ import annotations

import gc
import os
import warnings
import weakref
from collections.abc import Callable

import pytest

import ipcm
from ipcm import connection
from ipcm._core.envelope import Envelope
from ipcm.testing import Stage, VirtualClock


def test_counts_of_those_that_come_and_go_do_not_grow_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "_MOST_NAMES", 10)
    with ipcm.spawn(transport="memory") as bus, bus.connect("to") as to:
        for number in range(25):
            with bus.connect(f"peer{number}") as peer:
                peer.send_message("to", number)
                to.send_message(peer.name, number)
                to.send_message(peer.name, number)
            to.poll()
        assert to.stats.read == {f"peer{number}": 1 for number in range(15, 25)}
        assert to.stats.sent == {f"peer{number}": 2 for number in range(15, 25)}


def test_what_it_takes_to_send_a_request_counts_as_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    with ipcm.spawn(transport="memory") as bus, bus.connect("a") as asker, bus.connect("b"):
        asker.clock = clock = VirtualClock()
        send = asker.port.send

        def slowly(to: str, envelope: Envelope) -> int:
            clock.advance(3.0)
            return send(to, envelope)

        monkeypatch.setattr(asker.port, "send", slowly)
        id = asker.send_request("b", 1)
        assert asker.requests.age(id, clock.monotonic()) == 3.0


def test_what_is_sent_in_a_batch_leaves_at_its_end() -> None:
    with ipcm.spawn(transport="memory") as bus, bus.connect("a") as a, bus.connect("b") as b:
        with a.batch() as same:
            assert same is a
            a.send_message("b", 1)
            a.send_message("b", 2)
            assert b.get_messages() == []
        assert [message.content for message in b.get_messages()] == [1, 2]


def test_a_client_calls_an_endpoint_of_a_service() -> None:
    with Stage() as stage:
        stage.service("adder", endpoints={"add": lambda service, a, b: a + b})
        assert stage.connect("asker").call("adder", "add", a=1, b=2) == 3


def test_what_nobody_disconnects_leaves_no_descriptor() -> None:
    with ipcm.spawn() as bus, bus.connect("known"):
        gc.collect()
        before = set(os.listdir("/proc/self/fd"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of its sockets
            lost = bus.connect("lost")
            # Who waits for an answer mostly knows whom he has asked by.
            lost.send_request("known", 1, lambda response, message, client=lost: None)  # type: ignore[misc]
            del lost
            gc.collect()
        assert set(os.listdir("/proc/self/fd")) == before


def test_what_a_request_raised_is_gone_when_it_was_handled() -> None:
    raised: list[weakref.ref[BaseException]] = []

    def ask(how: Callable[[], object]) -> None:
        try:
            how()
        except ipcm.RequestTimeout as error:
            raised.append(weakref.ref(error))

    with ipcm.spawn(transport="memory") as bus, bus.connect("a") as a, bus.connect("b"):
        ask(lambda: a.request("b", 1, 0.0))
        ask(lambda: a.control("b", "snapshot", 0.0))
        ask(lambda: a.await_response(a.send_request("b", 1, timeout=0.0)))
        assert [error() for error in raised] == [None] * 3


def test_nor_is_one_kept_that_knows_its_response() -> None:
    error = ipcm.BusGone("ended")
    error.args = (ipcm.Response(1, exception=error),)
    kept = weakref.ref(error)
    del error
    gc.collect()
    assert kept() is None
