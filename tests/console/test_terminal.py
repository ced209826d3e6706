"""What a person at a terminal sees."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

import ipcm
from tests.console.commands import terminal
from tests.helpers import wait_until


def test_top_refreshes_in_place(bus: ipcm.Bus) -> None:
    with terminal("top", "-d", "0.1") as top:
        top.expect("store")
        size = len(top.text)
        wait_until(lambda: top._read(1.0) and len(top.text) > 2 * size)
        assert "\x1b[1A" in top.text  # the cursor goes up again
        _, hidden, since = top.text.rpartition("\x1b[?25l")
        assert not hidden or "\x1b[?25h" in since  # and stays, for whoever presses Ctrl-Z
        top.process.send_signal(signal.SIGINT)
        assert top.end() == 130
        assert "Traceback" not in top.text


def test_top_where_nothing_can_be_overwritten(bus: ipcm.Bus) -> None:
    with terminal("top", "-d", "0.1", TERM="dumb") as top:
        wait_until(lambda: top._read(1.0) and top.text.count("NAME") > 2)
        top.process.send_signal(signal.SIGINT)
        assert top.end() == 130
        assert "\x1b" not in top.text


@pytest.mark.parametrize("columns", ["0", "1", "2"])
def test_a_terminal_without_room(bus: ipcm.Bus, columns: str) -> None:
    """Nobody knows how wide it is, or it is as good as closed: neither holds anything up."""
    for words in (("ps",), ("top", "-n", "1"), ("tail", "-n", "1")):
        with terminal(*words, COLUMNS=columns, LINES="0") as screen:
            screen.expect("\n")
            assert screen.end() == 0
            assert columns != "0" or "store" in screen.text


def test_a_question_is_no_by_default(bus: ipcm.Bus) -> None:
    for answer in ("\r", "n\r", "what?\r", "\x04"):
        with terminal("kill", "probe") as kill:
            kill.expect("[y/N]")
            kill.type(answer)
            assert kill.end() == 1
            assert "nothing was done" in kill.text
    assert bus.services() == ["store", "probe"]
    with terminal("kill", "probe") as kill:
        kill.expect("[y/N]")
        kill.process.send_signal(signal.SIGINT)
        assert kill.end() == 130
    assert bus.services() == ["store", "probe"]
    with terminal("terminate", "--all") as terminate:
        terminate.expect("store, probe")
        terminate.type("y\r")
        assert terminate.end() == 0
    assert bus.services() == []


def test_what_follows_a_question_or_ctrl_c_begins_a_line(bus: ipcm.Bus, files: Path) -> None:
    with terminal("kill", "probe") as kill:
        kill.expect("[y/N]")
        kill.type("\x04")
        assert kill.end() == 1
        assert "\r\nipcm: nothing was done\r\n" in kill.text
    for words, sign in (
        (("kill", "probe"), "[y/N]"),
        (("tail", "--filter", "name=x"), "Ctrl-C"),
        (("demo", str(files), "--no-tui", "--name", "mine"), "Ctrl-C"),
        (("demo", str(files), "--name", "mine", "-o", "json"), "Ctrl-C"),
    ):
        with terminal(*words) as run:
            run.expect(sign)
            run.type("\x03")
            run.expect("^C")
            run.process.send_signal(signal.SIGINT)  # it is not its controlling terminal
            assert run.end() == 130
            _, _, rest = run.text.partition("^C")
            assert rest.startswith("\r\n") and rest.endswith("\r\n")
            assert "\r\n\r\n" not in rest


def test_top_says_how_many_rows_have_no_room(bus: ipcm.Bus) -> None:
    with terminal("top", "-n", "1", LINES="2") as top:
        assert top.end() == 0
    assert "NAME" in top.text and "store" not in top.text and "... 2 more" in top.text
    with terminal("top", "-n", "1", LINES="3") as top:
        assert top.end() == 0
    assert "probe" in top.text and "more" not in top.text


def test_lines_on_a_terminal_fit_it(bus: ipcm.Bus) -> None:
    with terminal("tail", "-n", "5") as tail:
        assert tail.end() == 0
        for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", tail.text).splitlines():
            assert len(line) <= 100
