"""Closing that an interrupt cuts short, and that is taken up again."""

from __future__ import annotations

import pytest

import ipcm
from ipcm.role.process import ServiceProcess
from ipcm.transports.unix.presence import PresenceLink
from tests.helpers import gone, interrupt_once

LIMIT = 20.0


@pytest.mark.parametrize(
    ("own", "kind", "name"),
    [
        (True, PresenceLink, "wait_end"),
        (True, ServiceProcess, "end"),
        (False, ServiceProcess, "end"),
        (False, ServiceProcess, "_await_end"),
        (False, ipcm.Handle, "terminate"),
        (False, ipcm.Client, "disconnect"),
    ],
)
def test_the_next_call_ends_what_the_first_has_left(
    own: bool, kind: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ipcm.spawn() as bus:
        made = ipcm.service("s", handle_request=lambda *_: 5, bus=None if own else bus)
        pid = made.service_pid
        assert made.request(1) == 5
        interrupt_once(monkeypatch, kind, name)
        with pytest.raises(KeyboardInterrupt):
            made.close(LIMIT)
        made.close(LIMIT)
        assert gone(pid)
        assert bus.peers() == []
        assert [each.name for each in ipcm.buses()] == [bus.name]
        made.close(LIMIT)  # repeatable
        with pytest.raises(ipcm.UsageError, match="closed"):
            made.request(1)


def test_a_bus_is_ended_by_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = ipcm.spawn()
    interrupt_once(monkeypatch, PresenceLink, "wait_end")
    with pytest.raises(KeyboardInterrupt):
        bus.shutdown(LIMIT)
    bus.shutdown(LIMIT)
    assert ipcm.buses() == []
    bus.shutdown(LIMIT)  # repeatable
