"""The end of clients and buses, and uses that cannot be."""

from __future__ import annotations

import os
import threading

import pytest

import ipcm
from ipcm import Bus, Message, Response
from ipcm._core.businfo import BusInfo
from ipcm.bus import open_client
from ipcm.testing.contract.base import LIMIT, Base, answer, read
from ipcm.testing.contract.presence import told
from ipcm.testing.running import Thread

__all__ = ["Ending"]


class Ending(Base):
    """Clear errors of the right class, and nothing left."""

    def test_a_client_that_left(self, bus: Bus) -> None:
        client = bus.connect("brief")
        client.disconnect()
        client.disconnect()
        assert client.fileno() == -1
        for use in (
            client.peers,
            client.get_messages,
            lambda: client.send_message("x", 1),
            lambda: client.request("x", 1),
        ):
            with pytest.raises(ipcm.UsageError, match="disconnected"):
                use()

    def test_a_bus_that_ended(self, serializer: str) -> None:
        bus = ipcm.spawn("brief", transport=self.transport, serializer=serializer)
        client, other = bus.connect("left"), bus.connect("other")
        id = client.send_request("other", 1, timeout=None)
        bus.shutdown()
        bus.shutdown()
        for use in (lambda: client.get_messages(LIMIT), client.peers, bus.peers, bus.terminate):
            with pytest.raises(ipcm.BusGone):
                use()
        with pytest.raises((ipcm.BusGone, ipcm.PeerGone)):
            client.await_response(id, LIMIT)
        with pytest.raises(ipcm.BusGone):
            client.send_message("unheard-of", 1)
        with pytest.raises(ipcm.BusGone):
            ipcm.connect("late", bus.info)
        client.disconnect()
        other.disconnect()
        with ipcm.spawn("brief", transport=self.transport) as again, again.connect("x") as x:
            assert x.peers() == []

    def test_it_is_found_by_its_name(self, bus: Bus) -> None:
        self.need("discovery")
        assert [each.info for each in ipcm.buses() if each.name == bus.name] == [bus.info]
        with ipcm.connect("a", bus.name) as a, ipcm.connect("b", bus.info):
            assert a.peers() == ["b"]
        with pytest.raises(ipcm.NameTaken):
            ipcm.spawn(bus.name, transport=self.transport)
        bus.shutdown()
        assert [each for each in ipcm.buses() if each.name == bus.name] == []
        with pytest.raises(ipcm.NoSuchBus, match=bus.name):
            ipcm.connect("late", bus.name)

    def test_a_wrong_route(self, serializer: str) -> None:
        for route in ("nowhere", "/no/such/place", "0", "\0", "x" * 5_000):
            info = str(BusInfo(self.transport, serializer, route))
            with pytest.raises((ipcm.BusGone, ipcm.BadBusInfo)):
                ipcm.connect("x", info)

    def test_terminating_reaches_services_only(self, bus: Bus) -> None:
        with open_client("s", bus, kind="service") as service, bus.connect("c") as client:
            bus.terminate()
            assert [change.what for change in told(service, 1)] == ["terminate"]
            client.poll(0.02)
            assert client.changes == []

    def test_a_detached_bus_is_nobody_s(self, serializer: str) -> None:
        with ipcm.spawn(transport=self.transport, serializer=serializer) as bus:
            bus.detach()
        with bus.connect("a") as a:
            assert a.peers() == []
        bus.shutdown()
        with pytest.raises(ipcm.BusGone):
            bus.detach()

    def test_no_descriptor_stays_open(self, serializer: str) -> None:
        def come_and_go() -> int:
            with ipcm.spawn(transport=self.transport, serializer=serializer) as bus:
                with bus.connect("a") as a, bus.connect("b") as b:
                    a.send_message("b", 1)
                    b.send_message("a", 1)
                    read(a, 1)
                with pytest.raises(ipcm.NoSuchPeer), bus.connect("c") as c:
                    c.send_message("b", 1)
            return len(os.listdir("/dev/fd"))

        # What is opened once, and kept, is open after the first time.
        assert come_and_go() == come_and_go()

    def test_in_a_forked_child(self, bus: Bus) -> None:
        with bus.connect("parent") as client, bus.connect("other") as other:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    client.send_message("other", "from the child")
                except ipcm.WrongProcess:
                    client.disconnect()
                    bus.shutdown()
                    code = 0
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            client.send_message("other", "from the parent")
            assert [message.content for message in read(other, 1)] == ["from the parent"]

    def test_by_two_threads_at_once(self, bus: Bus) -> None:
        inside, over = threading.Event(), threading.Event()

        def stay(response: Response, message: Message | None) -> None:
            inside.set()
            over.wait(LIMIT)

        with bus.connect("shared") as client, bus.connect("waker") as waker:
            client.send_request("waker", 1, stay)
            (request,) = read(waker, 1)
            answer(waker, request, 1)
            thread = Thread(lambda: client.poll(LIMIT))
            assert inside.wait(LIMIT)
            try:
                for use in (client.peers, lambda: client.send_message("waker", 1)):
                    with pytest.raises(ipcm.ConcurrentUse):
                        use()
            finally:
                over.set()
            thread.result()
            assert client.peers() == ["waker"]
