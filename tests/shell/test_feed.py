"""What the prompt knows of its bus, and its traffic: never more than one can read."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

import ipcm
from ipcm._core.observation import MessageEvent
from ipcm.console.live import Description
from ipcm.shell.feed import Feed
from ipcm.shell.follow import Follow, open_follow
from tests.helpers import wait_until


def ticking(feed: Feed, what: Any) -> None:
    def look() -> Any:
        feed.tick()
        return what()

    wait_until(look)


def names(about: Description | None) -> set[str]:
    return {each.name for each in about.endpoints} if about else set()


def test_it_knows_who_is_there_and_what_they_offer(
    bus: ipcm.Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipcm.shell.feed._FLASH", 60.0)  # however long it takes to look
    feed = Feed()
    feed.follow(bus)
    try:
        assert feed.peers() == {"store": "service", "probe": "service"}
        assert "search" in names(feed.description("store")), "from the first key on"
        assert feed.description("nobody") is None and feed.buses() == ["here"]
        ticking(feed, lambda: feed.figures.rate > 0)
        assert feed.figures.peers == 2
        before = feed.version
        with ipcm.service("late", ipcm.EchoService, bus=bus):
            ticking(feed, lambda: feed.description("late"))
            assert feed.flashes == ("+late",) and feed.version > before
        ticking(feed, lambda: "-late" in feed.flashes)
        assert feed.description("late") is None
    finally:
        feed.close()


def test_what_this_process_connects_itself_is_no_news(bus: ipcm.Bus) -> None:
    feed = Feed()
    feed.follow(bus)
    try:
        with ipcm.attach("store", bus) as handle:
            handle.call("stats")
            feed.tick()
            assert feed.peers().keys() == {"store", "probe"}
        with ipcm.attach("store", bus) as handle:
            handle.call("stats")
        ticking(feed, lambda: True)
        time.sleep(0)
        feed.tick()
        assert feed.flashes == ()
    finally:
        feed.close()


def test_a_service_that_does_not_answer_keeps_nobody(
    bus: ipcm.Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipcm.shell.feed._SETTLE", 0.2)
    pid = next(peer.pid for peer in bus.presence() if peer.name == "store")
    os.kill(pid, signal.SIGSTOP)
    feed = Feed()
    try:
        feed.follow(bus)
        assert feed.waiting and feed.description("store") is None
        before = time.thread_time()
        for _ in range(50):
            feed.tick()
        assert time.thread_time() - before < 1.0
        os.kill(pid, signal.SIGCONT)
        ticking(feed, lambda: not feed.waiting)
    finally:
        os.kill(pid, signal.SIGCONT)
        feed.close()


def test_a_bus_that_ends_and_another_one(home: object) -> None:
    feed = Feed()
    with ipcm.spawn("one") as one, ipcm.spawn("two") as two:
        feed.follow(one)
        one.shutdown()
        ticking(feed, lambda: feed.gone)
        assert not feed.peers()
        feed.follow(two)
        assert not feed.gone
        feed.follow(None)
        assert not feed.gone and feed.figures.peers == 0
    feed.close()


def test_another_one_under_the_name_of_one_that_has_ended(home: object) -> None:
    feed = Feed()
    with ipcm.spawn("one") as one:
        feed.follow(one)
    ticking(feed, lambda: feed.gone)
    feed.follow(one)
    assert feed.gone
    with ipcm.spawn("one") as again:
        feed.follow(again)
        assert not feed.gone
        again.shutdown()
        ticking(feed, lambda: feed.gone)
    feed.close()


def test_traffic_as_lines(bus: ipcm.Bus) -> None:
    follow = open_follow(bus)
    assert isinstance(follow, Follow)
    shown: list[str] = []

    def look() -> bool:
        shown.extend("".join(text for text, _ in line) for line in follow.batch())
        return any("-> request   store" in line for line in shown)

    try:
        wait_until(look)
    finally:
        follow.close()
    assert not any("turns" in line for line in shown)
    assert isinstance(open_follow(None), str)


class Flood:
    """An observer on which everything comes at once."""

    def __init__(self, count: int) -> None:
        self.dropped = 7
        self._left = count

    def poll(self, timeout: float) -> list[MessageEvent]:
        piece = [
            MessageEvent("store", float(n), "in", "general", "probe", n, "", 10, None, None, False)
            for n in range(min(self._left, 500))
        ]
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        pass


def test_what_is_too_much_is_left_out_and_counted(
    bus: ipcm.Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood = Flood(20_000)
    monkeypatch.setattr(ipcm.Bus, "observe", lambda *_, **__: flood)
    now = 0.0
    follow = Follow(bus, lambda: now)
    first = follow.batch()
    assert len(first) == 21 and "19987 events left out" in first[-1][0][0]
    assert follow.dropped == 20_000 - 20 + 7
    assert follow.batch() == []
    flood.dropped = 9
    assert follow.batch() == [], "told once a second"
    now = 1.5
    assert "2 events left out" in follow.batch()[0][0][0]
