"""One look at what lives, and no more than one."""

from __future__ import annotations

import os
import signal
import time

import pytest

import ipcm
from ipcm.console import live
from ipcm.console.live import OneLook, read_description
from tests.console.commands import LIMIT


def test_it_sees_buses_peers_and_what_they_offer(
    bus: ipcm.Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_KEPT", 30.0)
    look = OneLook(patience=LIMIT)
    with ipcm.connect("me", bus), bus.observe():
        assert look.buses() == ["here"]
        assert look.peers() == {"store": "service", "probe": "service", "me": "client"}
    assert look.peers().keys() >= {"me"}, "remembered"
    about = look.description("store")
    assert about is not None and {each.name for each in about.endpoints} >= {"search", "stats"}
    assert look.description("me") is None and look.description("nobody") is None
    assert look.on("here").peers().keys() == {"store", "probe"}
    assert look.on("nowhere").peers() == {}


def test_where_nothing_lives_nothing_is_raised(home: object) -> None:
    look = OneLook()
    assert (look.buses(), look.peers(), look.description("store")) == ([], {}, None)
    assert OneLook("[broken").peers() == {}


def test_who_does_not_answer_is_not_waited_for_again(
    bus: ipcm.Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_KEPT", 30.0)
    pid = next(peer.pid for peer in bus.presence() if peer.name == "store")
    look = OneLook(bus, patience=0.05)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert look.description("store") is None
    finally:
        os.kill(pid, signal.SIGCONT)
    asked = time.thread_time()
    assert look.description("store") is None
    assert time.thread_time() - asked < 1.0


@pytest.mark.parametrize("raw", [None, [], {"endpoints": 3}, {"name": "a", "endpoints": [{}]}])
def test_what_cannot_be_read_describes_nothing(raw: object) -> None:
    assert read_description(raw) is None
