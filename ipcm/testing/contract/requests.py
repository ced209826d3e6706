"""A request ends in exactly one way, and never hangs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import ipcm
from ipcm import Bus, Client, Message, Response
from ipcm._core.envelope import RESPONSE
from ipcm.testing.contract.base import LIMIT, Base, answer, read

__all__ = ["Requests"]


def ask(asker: Client, answerer: Client, payload: Any = "ask", **options: Any) -> Message:
    """Sends a request, and fetches it at the other end."""
    asker.send_request(answerer.name, payload, **options)
    (request,) = read(answerer, 1)
    return request


def disconnecting(client: Client) -> Callable[[Response, Message | None], object]:
    """A callback of its that disconnects it."""
    return lambda response, message: client.disconnect()


class Requests(Base):
    """Response, RemoteError, RequestTimeout, PeerGone or NoSuchPeer."""

    def test_a_response(self, bus: Bus) -> None:
        payloads: list[Any] = [None, 0, "", {"a": [1]}]
        with bus.connect("a") as a, bus.connect("b") as b:
            for payload in payloads:
                request = ask(a, b, payload)
                assert request.kind == "request"
                assert request.content == payload
                assert request.correlation_id == request.id
                answer(b, request, payload)
                assert a.await_response(request.id, LIMIT) == Response(request.id, payload)
                with pytest.raises(ipcm.UsageError, match="fetched already"):
                    a.get_response(request.id)

    def test_an_error_at_the_other_end(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            request = ask(a, b)
            answer(b, request, None, "no such thing")
            response = a.await_response(request.id, LIMIT)
            assert not response.ok
            assert response.error == "no such thing"
            assert isinstance(response.exception, ipcm.RemoteError)

    def test_no_answer_in_time_and_a_late_one(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            request = ask(a, b, timeout=0.05)
            assert request.timeout == 0.05
            with pytest.raises(ipcm.RequestTimeout) as caught:
                a.await_response(request.id)
            assert caught.value.timeout == 0.05
            answer(b, request, "late")
            b.send_message("a", "next")
            assert [message.content for message in read(a, 1)] == ["next"]
            assert a.stats.dropped == 1
            assert not a.requests.open

    def test_a_duplicate_and_an_unknown_one_are_dropped_and_counted(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            request = ask(a, b)
            answer(b, request, 1)
            answer(b, request, 2)
            b.respond("a", RESPONSE, request.id + 1000, 3, None)
            b.send_message("a", "next")
            assert a.await_response(request.id, LIMIT).payload == 1
            assert [message.content for message in read(a, 1)] == ["next"]
            assert a.stats.dropped == 2

    def test_nobody_else_can_answer(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b, bus.connect("forger") as forger:
            request = ask(a, b)
            forger.respond("a", RESPONSE, request.id, "forged", None)
            forger.send_message("a", "next")
            read(a, 1)
            assert a.stats.dropped == 1
            assert a.get_response(request.id) is None
            answer(b, request, "true")
            assert a.await_response(request.id, LIMIT).payload == "true"

    def test_an_unknown_peer_is_refused_at_once(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b"):
            with pytest.raises(ipcm.NoSuchPeer) as caught:
                a.send_request("nobody", 1)
            assert caught.value.found == ["b"]
            assert not a.requests.open

    def test_a_peer_that_leaves(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            b = bus.connect("b")
            request = ask(a, b, timeout=None)
            b.disconnect()
            began = time.monotonic()
            with pytest.raises(ipcm.PeerGone):
                a.await_response(request.id, LIMIT)
            assert time.monotonic() - began < LIMIT / 2

    def test_a_peer_that_leaves_and_was_the_first_to_speak(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            for number in range(3):  # also of one that has the name again
                b = bus.connect("b")
                b.send_message("a", number)
                assert [message.content for message in read(a, 1)] == [number]
                id = a.send_request("b", "ask", timeout=None)
                read(b, 1)
                b.disconnect()
                with pytest.raises(ipcm.PeerGone):
                    a.await_response(id, LIMIT)

    def test_a_response_in_the_pipe_wins(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            b = bus.connect("b")
            request = ask(a, b)
            answer(b, request, "last words")
            b.disconnect()
            assert a.await_response(request.id, LIMIT).payload == "last words"
            assert a.stats.dropped == 0

    def test_the_next_life_of_a_name_is_somebody_else(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            b = bus.connect("b")
            old = ask(a, b, timeout=None)
            b.disconnect()
            with bus.connect("b") as b:
                b.respond("a", RESPONSE, old.id, "not mine to answer", None)
                new = ask(a, b)
                answer(b, new, "mine")
                assert a.await_response(new.id, LIMIT).payload == "mine"
                with pytest.raises(ipcm.PeerGone):
                    a.await_response(old.id, LIMIT)
                assert a.stats.dropped == 1

    def test_callbacks_are_called_once(self, bus: Bus) -> None:
        ended: list[tuple[Response, Message | None]] = []
        with bus.connect("a") as a:
            b = bus.connect("b")
            for payload in ("answered", "refused", "forgotten", "timed out"):
                timeout = 0.05 if payload == "timed out" else None
                a.send_request("b", payload, lambda *told: ended.append(told), timeout=timeout)
            requests = read(b, 4)
            answer(b, requests[0], "yes")
            answer(b, requests[1], None, "no")
            deadline = time.monotonic() + LIMIT
            while len(ended) < 3 and time.monotonic() < deadline:
                a.poll(0.1)
            b.disconnect()
            while a.requests.open and time.monotonic() < deadline:
                a.poll(0.1)
        assert [type(response.exception) for response, _ in ended] == [
            type(None), ipcm.RemoteError, ipcm.RequestTimeout, ipcm.PeerGone
        ]  # fmt: skip
        assert [message and message.sender for _, message in ended] == ["b", "b", None, None]

    def test_a_callback_that_disconnects_ends_what_waits(self, bus: Bus) -> None:
        waits: list[Callable[[Client, int], object]] = [
            lambda a, id: a.get_messages(LIMIT),
            lambda a, id: a.await_response(id, LIMIT),
            lambda a, id: a.peer_active("nobody", LIMIT),
            lambda a, id: a.peers(),
        ]
        with bus.connect("b") as b:
            for wait in waits:
                a = bus.connect("a")
                a.send_request("b", 1, disconnecting(a))
                id = a.send_request("b", 2)
                answer(b, read(b, 2)[0], None)
                with pytest.raises(ipcm.UsageError, match="disconnected"):
                    wait(a, id)
                assert a.disconnect() == []

    def test_many_open_ones_in_any_order(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            ids = [a.send_request("b", n) for n in range(200)]
            for request in reversed(read(b, 200, a)):
                answer(b, request, request.content * 2)
            for n, id in enumerate(ids):
                assert a.await_response(id, LIMIT).payload == n * 2

    def test_other_messages_wait_meanwhile(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            request = ask(a, b)
            b.send_message("a", "before")
            answer(b, request, 1)
            b.send_message("a", "after")
            assert a.await_response(request.id, LIMIT).payload == 1
            assert [message.content for message in read(a, 2)] == ["before", "after"]

    def test_a_plain_client_has_no_control_plane(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            id = a.send_request("b", ["snapshot", {}], control=True)
            assert b.get_messages(0.05) == []
            assert a.await_response(id, LIMIT).error == "not a service"
