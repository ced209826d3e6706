"""Going away for a while, and coming back to one's mail."""

from __future__ import annotations

import time

import pytest

import ipcm
from ipcm import Bus
from ipcm.testing.contract.base import LIMIT, Base, answer, read
from ipcm.testing.contract.presence import subscribed

__all__ = ["Away"]


class Away(Base):
    """Where the transport keeps mail; elsewhere it is refused."""

    @pytest.fixture
    def mail(self) -> None:
        """Skips where no mail is kept."""
        self.need("suspend")

    def test_without_mail_it_is_refused(self, bus: Bus) -> None:
        if self.capabilities.suspend:
            pytest.skip("there is mail")
        with bus.connect("x") as client:
            with pytest.raises(ipcm.UnsupportedError):
                client.suspend(5)
            assert client.peers() == []
        with pytest.raises(ipcm.UnsupportedError):
            ipcm.reconnect("y", bus)

    @pytest.mark.usefixtures("mail")
    def test_mail_is_kept_in_order(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            b = bus.connect("b")
            a.send_message("b", "read")
            read(b, 1)
            a.send_message("b", "taken in")
            b.poll(LIMIT)
            a.send_message("b", "on its way")
            b.suspend()
            with pytest.raises(ipcm.UsageError, match="disconnected"):
                b.peers()
            a.send_message("b", "kept")
            a.send_message("b", "x" * (1 << 20))
            assert a.flush(LIMIT)
            with ipcm.reconnect("b", bus) as b:
                contents = [message.content for message in read(b, 4)]
                assert contents == ["taken in", "on its way", "kept", "x" * (1 << 20)]
                a.send_message("b", "new")
                assert [message.content for message in read(b, 1)] == ["new"]

    @pytest.mark.usefixtures("mail")
    def test_it_is_there_and_not_active(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            b = bus.connect("b")
            life = b.incarnation
            b.suspend()
            assert a.peers() == ["b"]
            assert not a.peer_active("b")
            with pytest.raises(ipcm.NameTaken):
                bus.connect("b")
            with ipcm.reconnect("b", bus) as b:
                assert a.peer_active("b")
                assert b.incarnation == life
                with pytest.raises(ipcm.NameTaken):
                    ipcm.reconnect("b", bus)
            with pytest.raises(ipcm.NoSuchPeer) as caught:
                ipcm.reconnect("b", bus)
            assert caught.value.found == ["a"]

    @pytest.mark.usefixtures("mail")
    def test_a_request_waits_for_it(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            b = bus.connect("b")
            old = b.send_request("a", "forgotten")
            (request,) = read(a, 1)
            b.suspend()
            id = a.send_request("b", "are you there?")
            answer(a, request, "too late")
            with ipcm.reconnect("b", bus) as b:
                (asked,) = read(b, 1)
                answer(b, asked, "I am back")
                assert a.await_response(id, LIMIT).payload == "I am back"
                assert b.stats.dropped == 1
                assert b.send_request("a", 1) != old

    @pytest.mark.usefixtures("mail")
    def test_one_that_does_not_come_back_has_left(self, bus: Bus) -> None:
        with subscribed(bus, "a") as a:
            b = bus.connect("b")
            id = a.send_request("b", 1, timeout=None)
            began = time.monotonic()
            b.suspend(0.05)
            with pytest.raises(ipcm.PeerGone):
                a.await_response(id, LIMIT)
            assert 0.04 < time.monotonic() - began < LIMIT / 2
            assert a.peers() == []
            with pytest.raises(ipcm.NoSuchPeer):
                ipcm.reconnect("b", bus)
            with bus.connect("b"):
                pass

    @pytest.mark.usefixtures("mail")
    def test_the_end_of_the_bus_is_its_end(self, bus: Bus) -> None:
        bus.connect("b").suspend()
        bus.shutdown()
        with pytest.raises(ipcm.BusGone):
            ipcm.reconnect("b", bus.info)
