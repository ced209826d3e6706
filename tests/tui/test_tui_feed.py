"""The feed takes in what comes, seldom enough, and never spins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ipcm._core.observation import PeerEvent
from ipcm.errors import BusGone
from ipcm_tui.feed import Feed


def run(script: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(script(), 10))


class Taker:
    """Takes as soon as it is told."""

    def __init__(self, observer: Any) -> None:
        self.feed = Feed(observer, self.on_ready)
        self.told: list[float] = []
        self.events: list[Any] = []
        self.news = asyncio.Event()

    def on_ready(self) -> None:
        self.told.append(asyncio.get_running_loop().time())
        self.events += self.feed.take()
        self.news.set()

    async def wait(self) -> None:
        await self.news.wait()
        self.news.clear()


def joined(name: str) -> PeerEvent:
    return PeerEvent("", 1.0, name, 1)


def test_what_comes_is_taken_in_order(observer: Any) -> None:
    async def script() -> None:
        taker = Taker(observer)
        taker.feed.start(asyncio.get_running_loop())
        for number in range(5):
            observer.tell(joined(f"p{number}"))
        while len(taker.events) < 5:
            await taker.wait()
        assert [event.peer for event in taker.events] == ["p0", "p1", "p2", "p3", "p4"]
        taker.feed.stop()

    run(script)


def test_a_flood_is_looked_at_twenty_times_a_second(observer: Any) -> None:
    async def script() -> None:
        taker = Taker(observer)
        loop = asyncio.get_running_loop()
        taker.feed.start(loop)
        until = loop.time() + 0.6
        while loop.time() < until:
            observer.tell(joined("x"))
            await asyncio.sleep(0)
        taker.feed.stop()
        gaps = [b - a for a, b in zip(taker.told, taker.told[1:], strict=False)]
        assert 3 <= len(taker.told) <= 14
        assert min(gaps) >= 0.045

    run(script)


def test_in_a_hurry_it_looks_at_once(observer: Any) -> None:
    async def script() -> None:
        taker = Taker(observer)
        taker.feed.start(asyncio.get_running_loop())
        taker.feed.hurry(True)
        for number in range(20):
            observer.tell(joined(str(number)))
            await taker.wait()
        assert taker.told[-1] - taker.told[0] < 19 * 0.05
        taker.feed.stop()

    run(script)


def test_a_hurry_cuts_a_pause_short(observer: Any) -> None:
    async def script() -> None:
        taker = Taker(observer)
        loop = asyncio.get_running_loop()
        taker.feed.start(loop)
        observer.tell(joined("a"))
        await taker.wait()
        observer.tell(joined("b"))
        await asyncio.sleep(0)  # it has seen that something is there, and waits a little
        await asyncio.sleep(0)
        taker.feed.hurry(True)
        await taker.wait()
        assert taker.told[1] - taker.told[0] < 0.4
        taker.feed.stop()

    run(script)


def test_what_was_told_before_the_end_comes_before_the_end(observer: Any) -> None:
    async def script() -> None:
        ended = asyncio.Event()
        events: list[Any] = []

        def on_ready() -> None:
            try:
                events.extend(feed.take())
            except BusGone:
                ended.set()

        feed = Feed(observer, on_ready)
        feed.start(asyncio.get_running_loop())
        observer.over = "over"
        observer.tell(joined("last"))
        await ended.wait()
        assert [event.peer for event in events] == ["last"]
        feed.stop()

    run(script)


def test_stopped_it_hears_nothing(observer: Any) -> None:
    async def script() -> None:
        taker = Taker(observer)
        taker.feed.start(asyncio.get_running_loop())
        taker.feed.stop()
        taker.feed.stop()
        observer.tell(joined("a"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(taker.wait(), 0.1)
        assert taker.feed.take() == []

    run(script)
