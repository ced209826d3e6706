"""Verbs of surfaces that have a current bus."""

from __future__ import annotations

import pytest

import ipcm
from ipcm.bus import Bus, find_bus
from ipcm.console.registry import NAMES, SESSION_NAMES, get_verb
from ipcm.console.render import PlainOutput, Renderer
from ipcm.console.results import Record
from ipcm.console.verb import Context
from ipcm.console.verbs import attach, detach
from ipcm.console.verbs.help import help_of, run
from ipcm.errors import UsageError


class Current:
    def __init__(self) -> None:
        self.bus: Bus | None = None

    def attach(self, bus: str | None) -> Bus:
        self.bus = find_bus(bus)
        return self.bus

    def detach(self) -> Bus:
        assert self.bus is not None
        bus, self.bus = self.bus, None
        return bus


def shown(record: Record) -> str:
    parts: list[str] = []
    Renderer(PlainOutput(parts.append), "table", parts.append).show(record)
    return "".join(parts)


def test_a_bus_becomes_the_current_one_and_is_no_longer(bus: ipcm.Bus) -> None:
    session = Current()
    record = attach.run(Context(session=session), None)
    assert record.value == {"bus": "here", "info": bus.info, "services": ["store", "probe"]}
    assert "store, probe" in shown(record)
    assert detach.run(Context(session=session)).value == {"bus": "here"}
    assert session.bus is None
    with pytest.raises(ipcm.NoSuchBus):
        attach.run(Context(session=session), "nowhere")


def test_elsewhere_there_is_none() -> None:
    with pytest.raises(UsageError):
        attach.run(Context(), None)
    with pytest.raises(UsageError):
        detach.run(Context())


@pytest.mark.parametrize("name", [*NAMES, *SESSION_NAMES])
def test_every_verb_has_help(name: str) -> None:
    verb = get_verb(name)
    text = shown(help_of(verb))
    assert verb.summary in text and verb.examples[0][1] in text
    assert all(option.flags[0] in text for option in verb.options)
    assert verb.summary in shown(run(Context(), None))


def test_help_for_a_verb_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="did you mean 'tail'"):
        run(Context(), "tial")


def test_what_changes_nothing() -> None:
    harmless = {name for name in (*NAMES, *SESSION_NAMES) if get_verb(name).harmless}
    assert harmless >= {"ls", "ps", "tail", "top", "tui", "attach", "help"}
    assert not harmless & {"request", "call", "signal", "terminate", "kill", "demo"}
