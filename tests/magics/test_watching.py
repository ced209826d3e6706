"""`%ipcm watch` where nothing runs in the background."""

from __future__ import annotations

import contextvars
import os
import time
from types import SimpleNamespace
from typing import Any

import pytest

import ipcm
from ipcm.console.peers import peer_table
from ipcm.console.usage import UsageMeter
from ipcm.console.watch import Picture
from ipcm.magics import magic
from ipcm.magics.background import Aside
from ipcm.magics.session import Session
from tests.helpers import interrupt_once
from tests.magics.conftest import Cells


def test_without_a_loop_it_shows_one_picture(bus: ipcm.Bus, cells: Cells) -> None:
    ran = cells("%ipcm watch")
    assert "bus here" in ran.text
    assert "probe" in ran.text
    assert "<table" in ran.html


def test_or_goes_on_for_a_while(bus: ipcm.Bus, cells: Cells) -> None:
    ran = cells("%ipcm watch store --for 2")
    assert len(ran.shown) >= 2
    last = ran.shown[-1]["text/plain"]
    assert "store on bus here" in last
    assert "probe -> store" in last
    assert "<svg" in ran.shown[-1]["text/html"]


def test_who_has_just_come_is_not_busy() -> None:
    """It has not been asked for as long as the view looks twice."""
    now = time.time()
    ages = {"new": -60.0, "silent": 1.0}  # new also when this process has stood still meanwhile
    presence = {
        name: ipcm.PeerInfo(name, os.getpid(), "i", "service", True, now - age)
        for name, age in ages.items()
    }
    observer: Any = SimpleNamespace(presence=presence, snapshots={}, busy={})
    states = {row.name: row.state for row in peer_table(observer, UsageMeter(), 0.5).rows}
    assert states == {"new": "running", "silent": "busy"}


def test_mistakes(bus: ipcm.Bus, cells: Cells) -> None:
    assert isinstance(cells.run("%ipcm watch nobody").error, ipcm.NoSuchPeer)
    assert "nothing was watched" in cells("%ipcm unwatch").text
    assert "--for" in cells.run("%ipcm watch --for x").err


def test_the_end_of_the_bus_ends_it(cells: Cells) -> None:
    from ipcm.magics.watching import View

    shown: list[Picture] = []
    with ipcm.spawn("brief") as bus:
        view = View(bus, None, None, shown.append)
        assert view.step()
        bus.shutdown()
        while view.step():
            pass
    view.finish()
    assert shown[-1].over


def test_one_that_an_interrupt_kept_from_starting_ends() -> None:
    done: list[str] = []
    aside = Aside(lambda: True, lambda: done.append("finished"), contextvars.copy_context)
    assert not aside.ended
    aside.stop()
    aside.stop()
    assert aside.ended
    assert done == ["finished"]


def going_on(cells: Cells) -> tuple[Session, Aside]:
    """A session, and something that it shows between cells."""
    session = magic._loaded[cells.shell].session
    aside: Any = Aside(lambda: True, lambda: None, contextvars.copy_context)
    aside.start()
    session._views[None] = aside
    return session, aside


def test_one_whose_end_is_interrupted_can_still_be_ended(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, aside = going_on(cells)
    interrupt_once(monkeypatch, Aside, "stop")
    with pytest.raises(KeyboardInterrupt):
        session.unwatch()
    session.after_cell(None)  # an interrupt so early that IPython has no result
    assert aside.ended
    assert session.unwatch() == 0


def test_an_interrupt_between_two_statements_ends_it(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, aside = going_on(cells)
    interrupt_once(monkeypatch, type(cells.shell), "run_code")
    result = cells.shell.run_cell("1\n2")
    assert isinstance(result.error_before_exec, KeyboardInterrupt)
    assert aside.ended
