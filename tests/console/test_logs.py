"""`logs`: the output of a service, while it writes and when it has died."""

from __future__ import annotations

from typing import Any

import pytest

import ipcm
from ipcm.console.registry import get_verb
from ipcm.console.results import Stream
from ipcm.console.verb import Context

NOISY = """
import sys
print("one\\ntwo")
@endpoint
def say(text: str) -> None:
    print(text, flush=True)
"""


def start(bus: ipcm.Bus) -> ipcm.Handle:
    from ipcm.role.source import SourceService

    handle: ipcm.Handle = ipcm.service("noisy", SourceService, source=NOISY, bus=bus, output="bus")
    return handle


def logs(bus: ipcm.Bus, told: list[str] | None = None, **options: object) -> Stream[Any]:
    values = {"service": "noisy", "lines": 20, "follow": False, "seconds": None, **options}
    narrate = (told if told is not None else []).append
    result = get_verb("logs").run(Context(bus=bus, narrate=narrate), **values)
    assert isinstance(result, Stream)
    return result


def texts(stream: Stream[Any]) -> list[str]:
    return [row.text for row in stream.rows]


def test_the_last_lines_also_of_one_that_has_ended() -> None:
    with ipcm.spawn("here") as bus:
        with start(bus) as handle:
            handle.call("say", text="three")
            assert texts(logs(bus)) == ["one", "two", "three"]
            assert texts(logs(bus, lines=1)) == ["three"]
        assert texts(logs(bus, lines=2)) == ["two", "three"]


def test_a_line_ends_at_its_line_feed_alone() -> None:
    with ipcm.spawn("here") as bus, start(bus) as handle:
        line = "10 %\r20 %\x0c\u2028"
        handle.call("say", text=line)
        assert texts(logs(bus, lines=2)) == ["two", line]
        handle.close()
        assert texts(logs(bus, lines=2, follow=True)) == ["two", line]


def test_following_it() -> None:
    with ipcm.spawn("here") as bus, start(bus) as handle:
        stream = logs(bus, follow=True)
        assert stream.endless
        rows = stream.rows
        assert [next(rows).text, next(rows).text] == ["one", "two"]
        handle.call("say", text="later")
        assert next(rows).text == "later"
        assert not logs(bus, seconds=0.05).endless
        assert texts(logs(bus, seconds=0.05)) == ["one", "two", "later"]


def test_a_follower_ends_with_the_bus() -> None:
    with ipcm.spawn("here") as bus, start(bus):
        rows = logs(bus, follow=True).rows
        assert next(rows).text == "one"
        bus.shutdown()
        assert [row.text for row in rows] == ["two"]


def test_a_follower_ends_with_the_service_and_its_last_words() -> None:
    told: list[str] = []
    with ipcm.spawn("here") as bus, start(bus) as handle:
        rows = logs(bus, told, follow=True).rows
        assert next(rows).text == "one"
        handle.call("say", text="later")
        handle.close()
        assert [row.text for row in rows] == ["two", "later"]
        assert told == ["noisy has ended"]
        assert texts(logs(bus, told, follow=True, lines=1)) == ["later"]
        assert told == ["noisy has ended"] * 2


def test_a_follower_goes_on_with_the_next_life_of_a_name() -> None:
    with ipcm.spawn("here") as bus:
        with start(bus):
            rows = logs(bus, follow=True, lines=1).rows
            assert next(rows).text == "two"
        with start(bus) as handle:
            assert [next(rows).text, next(rows).text] == ["one", "two"]
            handle.close()
            assert list(rows) == []


def test_of_nobody_and_of_one_that_is_silent() -> None:
    told: list[str] = []
    with ipcm.spawn("here") as bus:
        with pytest.raises(ipcm.NoSuchPeer):
            logs(bus)
        with ipcm.service("noisy", ipcm.EchoService, bus=bus):
            assert not texts(logs(bus, told))
            assert "nothing is kept of noisy" in told[0]
