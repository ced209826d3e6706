"""Who is there: told once, in order, and after the last message."""

from __future__ import annotations

import os
import time

import pytest

import ipcm
from ipcm import Bus, Client
from ipcm._core.envelope import TERMINATE
from ipcm.bus import open_client
from ipcm.testing.contract.base import LIMIT, Base, read
from ipcm.transports.base import Change

__all__ = ["Presence", "subscribed", "told"]


def subscribed(bus: Bus, name: str) -> Client:
    """A client that is told who comes and goes, in its `changes`."""
    client = bus.connect(name)
    client.keep_changes = True
    client.port.subscribe()
    return client


def told(client: Client, count: int) -> list[Change]:
    """Waits for changes, `count` in all."""
    deadline = time.monotonic() + LIMIT
    while len(client.changes) < count:
        assert time.monotonic() < deadline, f"only {client.changes}"
        client.poll(0.1)
    return client.changes


def assert_it_may_but_look(looker: Client, b: Client) -> None:
    """What a read-only client asks of `b` is refused, and its word to end drops; others arrive."""
    id = looker.send_request("b", 1)
    looker.respond("b", TERMINATE, 0, 0, None)
    looker.send_message("b", "hello")
    assert [message.content for message in read(b, 1)] == ["hello"]
    response = looker.await_response(id, LIMIT)
    assert response.error == "this connection is read-only"
    assert b.stats.dropped == 2


class Presence(Base):
    """Peers, observers, and changes."""

    def test_the_others_are_named(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            assert a.peers() == []
            with bus.connect("b") as b, bus.observe():
                assert a.peers() == ["b"]
                assert b.peers() == ["a"]
                assert sorted(bus.peers()) == ["a", "b"]
                assert bus.services() == []
                assert len(bus.presence()) == 3
            assert a.peers() == []

    def test_one_peer(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            assert not a.peer_exists("b")
            assert a.peer_pid("b") is None
            assert not a.peer_active("b")
            assert not a.peer_active("b", 0.02)
            with bus.connect("b"):
                assert a.peer_exists("b")
                assert a.peer_pid("b") == os.getpid()
                assert a.peer_active("b")
                assert a.peer_active("b", LIMIT)
            assert not a.peer_exists("b")

    def test_a_service_is_there_before_it_is_ready(self, bus: Bus) -> None:
        with (
            subscribed(bus, "a") as a,
            open_client("s", bus, kind="service", settle=False) as service,
        ):
            assert a.peer_exists("s")
            assert not a.peer_active("s", 0.02)
            assert bus.services() == ["s"]
            service.port.ready()
            assert a.peer_active("s", LIMIT)
            assert [change.what for change in told(a, 2)] == ["joined", "ready"]

    def test_each_change_is_told_once(self, bus: Bus) -> None:
        with subscribed(bus, "a") as a:
            expected = []
            for n in range(20):
                with bus.connect(f"peer{n % 3}") as peer:
                    expected += [("joined", peer.incarnation), ("left", peer.incarnation)]
            changes = told(a, 40)
            a.poll(0.05)
            assert [(c.what, c.peer and c.peer.incarnation) for c in changes] == expected

    def test_several_subscribers_are_told_the_same(self, bus: Bus) -> None:
        with subscribed(bus, "a") as a, subscribed(bus, "b") as b:
            with bus.connect("c"):
                pass
            # The first of them has been told of the second, too.
            of_a, of_b = (
                [(change.what, change.peer and change.peer.name) for change in told(each, count)]
                for each, count in ((a, 3), (b, 2))
            )
            assert of_a == [("joined", "b"), *of_b]
            assert of_b == [("joined", "c"), ("left", "c")]

    def test_a_departure_comes_after_the_last_message(self, bus: Bus) -> None:
        with subscribed(bus, "a") as a:
            b = bus.connect("b")
            for n in range(50):
                b.send_message("a", n)
            b.disconnect()
            got: list[int] = []
            deadline = time.monotonic() + LIMIT
            while not any(change.what == "left" for change in a.changes):
                assert time.monotonic() < deadline
                a.pump(0.1)  # one look: what it finds is what the change comes with, or after
                got += [message.content for message in a.take_inbox()]
            assert got == list(range(50))

    def test_the_messages_of_two_lives_come_in_order(self, bus: Bus) -> None:
        with subscribed(bus, "a") as a:
            for life in range(3):
                with bus.connect("b") as b:
                    for n in range(10):
                        b.send_message("a", [life, n])
            contents = [message.content for message in read(a, 30)]
            assert contents == [[life, n] for life in range(3) for n in range(10)]
            assert [change.what for change in told(a, 6)] == ["joined", "left"] * 3

    def test_observers_are_hidden(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.observe() as observer:
            assert a.peers() == []
            assert bus.peers() == ["a"]
            assert a.broadcast(1) == {}
            with pytest.raises(ipcm.NoSuchPeer) as caught:
                a.send_message("nobody", 1)
            assert caught.value.found == []
            assert [peer.kind for peer in bus.presence()] == ["client", "observer"]
            assert list(observer.presence) == ["a"]

    def test_an_observer_sees_them_come_and_go(self, bus: Bus) -> None:
        with bus.observe() as observer:
            with bus.connect("a"):
                pass
            events: list[ipcm.Event] = []
            deadline = time.monotonic() + LIMIT
            while len(events) < 2 and time.monotonic() < deadline:
                events += observer.poll(0.1)
            peers = [event for event in events if isinstance(event, ipcm.PeerEvent)]
            assert [(event.peer, event.change) for event in peers] == [("a", 1), ("a", -1)]

    def test_one_that_is_read_only_stays_so_when_it_is_spoken_to(self, bus: Bus) -> None:
        with open_client("looker", bus, read_only=True) as looker, bus.connect("b") as b:
            b.send_message("looker", "hello")
            assert [message.content for message in read(looker, 1)] == ["hello"]
            assert_it_may_but_look(looker, b)

    def test_a_read_only_connection_asks_and_ends_nothing(self, bus: Bus) -> None:
        with open_client("looker", bus, read_only=True) as looker, bus.connect("b") as b:
            assert_it_may_but_look(looker, b)
