from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ipcm._core.filters import EVENT_KINDS, EventFilter, kind_of
from ipcm._core.observation import Event, PeerEvent, SignalEvent, TurnEvent
from ipcm.errors import UsageError

FROM_BUS = PeerEvent("", 0.0, "store", 1)


def test_the_kinds() -> None:
    assert EVENT_KINDS == ("turn", "message", "peer", "worker", "signal", "error", "terminated")
    assert kind_of(TurnEvent("s", 0.0, 1, 0, 0)) == "turn"


@pytest.mark.parametrize(
    ("wanted", "watched"),
    [
        (None, ["store", "w-1", "w-2"]),
        ("store", ["store"]),
        ("w-*", ["w-1", "w-2"]),
        (["store", "w-[2-9]"], ["store", "w-2"]),
        ((), []),
        (lambda event: True, ["store", "w-1", "w-2"]),
    ],
)
def test_services(wanted: Any, watched: list[str]) -> None:
    chosen = EventFilter(wanted)
    assert [name for name in ("store", "w-1", "w-2") if chosen.watches(name)] == watched


def test_the_word_of_the_bus_concerns_what_is_watched() -> None:
    assert EventFilter().passes(FROM_BUS)
    assert EventFilter("st*").passes(FROM_BUS)
    assert not EventFilter("w").passes(FROM_BUS)
    assert not EventFilter(events="message").passes(FROM_BUS)


def test_a_function_is_asked() -> None:
    def wanted(event: Event) -> object:
        return isinstance(event, SignalEvent) and event.count

    chosen: Callable[[Event], bool] = EventFilter(wanted).passes
    assert chosen(SignalEvent("s", 0.0, "SIGHUP", 2)) is True
    assert chosen(SignalEvent("s", 0.0, "SIGHUP", 0)) is False
    assert chosen(FROM_BUS) is False


@pytest.mark.parametrize("arguments", [(None, "mesage"), (None, ["turn", "x"]), ([1], None)])
def test_what_cannot_be(arguments: Any) -> None:
    with pytest.raises(UsageError):
        EventFilter(*arguments)
