"""Each kind of event as one line."""

from __future__ import annotations

import msgspec
import pytest

from ipcm._core.observation import (
    ErrorEvent,
    Event,
    MessageEvent,
    PeerEvent,
    SignalEvent,
    TerminatedEvent,
    TurnEvent,
    WorkerEvent,
)
from ipcm.console.verbs.tail import Wanted, event_fields, event_line

MESSAGE = MessageEvent(
    service="store", when=0.5, direction="in", kind="request", peer="probe",
    id=(0xC0FFEE << 16) + 7, endpoint="stats", size=43, preview='{"a":1}',
)  # fmt: skip
EVENTS: list[tuple[Event, str]] = [
    (MESSAGE, '<- request   probe     #7    stats 43B  {"a":1}'),
    (
        msgspec.structs.replace(MESSAGE, direction="out", kind="response", endpoint="",
                                latency=0.002, preview=None, error="no"),
        "-> response  probe     #7    43B 2.00ms  no",
    ),
    (
        msgspec.structs.replace(MESSAGE, kind="general", broadcast=True, endpoint="", preview="1"),
        "<- broadcast probe     43B  1",
    ),
    (
        msgspec.structs.replace(MESSAGE, kind="general", peer="漢字", endpoint="", preview="1"),
        "<- general   漢字      43B  1",
    ),
    (PeerEvent("store", 0.5, "probe", 1), "+ peer       probe"),
    (PeerEvent("store", 0.5, "probe", -1), "- peer       probe"),
    (WorkerEvent("store", 0.5, 12, "w", 1), "+ worker     w  pid 12"),
    (WorkerEvent("store", 0.5, 12, "w", -1, -9), "- worker     w  pid 12  exit -9"),
    (WorkerEvent("store", 0.5, 12, "w", -1), "- worker     w  pid 12  exit unknown"),
    (SignalEvent("store", 0.5, "SIGHUP", 3), "! signal     SIGHUP  x3"),
    (SignalEvent("store", 0.5, "SIGHUP", 1), "! signal     SIGHUP"),
    (ErrorEvent("store", 0.5, "on_all", "boom"), "! error      on_all: boom"),
    (TerminatedEvent("store", 0.5, 0), "! terminated with 0"),
    (TerminatedEvent("store", 0.5, 0, "OSError: x"), "! terminated by OSError: x"),
    (TurnEvent("store", 0.5, 2, 1, 0), "  turns      2 turns, 1 message"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "end"), EVENTS)
def test_lines_and_fields(event: Event, end: str) -> None:
    line = "".join(text for text, _ in event_line(event))
    assert line[8:].startswith(".500 store     ")
    assert line.endswith(f" {end}")
    fields = event_fields(event)
    assert fields["event"] == type(event).__struct_config__.tag
    assert fields["service"] == "store"


def test_the_bus_itself_tells_of_peers() -> None:
    line = "".join(text for text, _ in event_line(PeerEvent("", 0.5, "probe", 1)))
    assert " (bus)     + peer       probe" in line


def test_what_is_wanted() -> None:
    def wanted(*services: str, turns: bool = False) -> Wanted:
        return Wanted(services=services, seconds=None, count=None, turns=turns, no_previews=False)

    turn = TurnEvent("store", 0.5, 1, 1, 0)
    assert not wanted().concerns(turn)
    assert wanted(turns=True).concerns(turn)
    assert wanted("store").concerns(MESSAGE)
    assert not wanted("probe").concerns(MESSAGE, {"store", "probe"})
    assert wanted("probe").concerns(MESSAGE, {"store"})  # no service, and so tells of nothing
    assert not wanted("other").concerns(MESSAGE, {"store"})
    assert wanted("probe").concerns(PeerEvent("", 0.5, "probe", 1))
    assert not wanted("probe").concerns(PeerEvent("", 0.5, "other", 1))
    assert not wanted("probe").concerns(PeerEvent("store", 0.5, "probe", 1))
