"""Waiting by looking again and again: what may happen between two looks."""

from __future__ import annotations

import ipcm
from ipcm.transports.unix.port import UnixPort


def test_the_one_who_spoke_last_hangs_up_meanwhile(bus: ipcm.Bus) -> None:
    with bus.connect("listens") as client:
        port = client.port
        assert isinstance(port, UnixPort)
        for number in range(20):
            with bus.connect("speaks") as other:
                other.send_message("listens", number)
                assert [m.content for m in client.get_messages(5)] == [number]
            # As after many that came close together: it is read first, and then spun on.
            port._credit = port._streaming = True
            port._looked = float("inf")
            port.receive(0.0, spin=True)
        assert client.peers() == []
