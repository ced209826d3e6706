"""The shared verbs under `%ipcm`: what they show, what they give, how they fail."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import ipcm
from tests.magics.conftest import Cells


def test_ps_shows_html_and_text(bus: ipcm.Bus, cells: Cells) -> None:
    ran = cells("%ipcm ps")
    assert "<table" in ran.html
    assert "store" in ran.html
    assert ran.text.splitlines()[0].startswith("NAME")
    assert ran.value is None


def test_every_shared_verb_runs(bus: ipcm.Bus, cells: Cells) -> None:
    for line in ("ls", "info", "info store", "describe store search", "top", "ps --sort name"):
        assert cells(f"%ipcm {line}").html, line
    assert "SIGHUP" in cells("%ipcm signal probe HUP").text
    assert "ended" in cells("%ipcm terminate probe").text
    assert "ended" in cells("%ipcm kill store -y").text


def test_what_failed_is_told_also_where_nothing_else_is(bus: ipcm.Bus, cells: Cells) -> None:
    ran = cells("%ipcm terminate nobody neither")
    for shown in (ran.html, ran.text):
        assert "no peer named" in shown and "neither" in shown
        assert "no service is there" not in shown


def test_a_variable_takes_the_result(bus: ipcm.Bus, cells: Cells) -> None:
    cells("%ipcm ps -o rows")
    assert {row.name for row in cells.shell.user_ns["rows"]} >= {"store", "probe"}
    cells("%ipcm call store search text=fork limit=2 -o found")
    assert cells.shell.user_ns["found"] == ["fork", "fork"]


def test_a_format_in_place_of_a_variable(bus: ipcm.Bus, cells: Cells) -> None:
    assert '"name": "here"' in cells("%ipcm ls -o json").out
    assert cells("%ipcm ls --output csv").out.startswith("name,transport")
    assert "json" not in cells.shell.user_ns


def test_the_answer_is_the_value_of_the_cell(bus: ipcm.Bus, cells: Cells) -> None:
    assert cells("%ipcm call store search text=fork").value == ["fork"]
    assert cells('%ipcm request store search {"text": "a", "limit": 2}').value == ["a", "a"]
    cells("answer = %ipcm call store stats")
    assert cells.shell.user_ns["answer"] == {"files": 3}


@pytest.mark.parametrize("body", ['{"text": "x", "limit": 2}', "{'text': 'x', 'limit': 2,}"])
def test_a_body_as_json_or_python(bus: ipcm.Bus, cells: Cells, body: str) -> None:
    ran = cells(f"%%ipcm request store search -o found --timeout 5\n{body}\n")
    assert ran.value == ["x", "x"] == cells.shell.user_ns["found"]


def test_a_whole_payload_as_body(bus: ipcm.Bus, cells: Cells) -> None:
    body = "{'endpoint': 'search',\n 'args': {'text': 'y'}}"
    assert cells(f"%%ipcm request store\n{body}").value == ["y"]
    assert cells("%%ipcm call store search limit=2\n{'text': 'z'}").value == ["z", "z"]


class Gate(ipcm.Service):
    @ipcm.endpoint
    def wait(self, path: str) -> None:
        while not os.path.exists(path):
            time.sleep(0.005)


def test_noblock_gives_what_to_ask_for_the_answer(
    bus: ipcm.Bus, cells: Cells, tmp_path: Path
) -> None:
    open_gate = tmp_path / "open"
    with ipcm.service("gate", Gate, bus=bus):
        cells(f"%%ipcm request gate wait --noblock -o slow\n{{'path': {str(open_gate)!r}}}")
        slow = cells.shell.user_ns["slow"]
        assert "open" in repr(slow)
        with pytest.raises(ipcm.RequestTimeout):
            slow.result(0.01)
        open_gate.touch()
        assert slow.result(10.0) is None
        assert slow.done()
        assert "answered" in repr(slow)
    cells("%%ipcm request store search --noblock -o quick\n{'text': 'q'}")
    assert cells.shell.user_ns["quick"].result(10.0) == ["q"]
    assert "q" in cells.shell.user_ns["quick"]._repr_html_()


def test_tail_collects_lines_in_one_output(bus: ipcm.Bus, cells: Cells) -> None:
    cells("%ipcm --bus=here -o events tail -n 3")
    assert len(cells.shell.user_ns["events"]) == 3


def test_a_line_of_megabytes_is_cut_where_it_is_shown(cells: Cells) -> None:
    cells("%%ipcm service x\n@endpoint\ndef say(n: int):\n    print('y' * n + 'end')\n")
    cells("%ipcm call x say n=3000000")
    ran = cells("%ipcm logs x -n 1 -o lines")
    assert "yyy ... and 2998003 characters" in ran.text
    assert len(ran.text) + len(ran.html) < 10_000
    (line,) = cells.shell.user_ns["lines"]
    assert line.text == "y" * 3_000_000 + "end"


def test_a_quiet_tail_says_so(quiet_bus: ipcm.Bus, cells: Cells) -> None:
    assert cells("%ipcm tail -s 0.05 -o events")
    assert cells.shell.user_ns["events"] == []


def test_attach_and_detach(bus: ipcm.Bus, cells: Cells) -> None:
    with ipcm.spawn("other"):
        ran = cells.run("%ipcm ps")
        assert isinstance(ran.error, ipcm.ManyBuses)
        assert "here, other" in ran.out
        assert "probe" in cells("%ipcm attach here").text
        assert "store" in cells("%ipcm ps").text
        assert "store" not in cells("%ipcm ps -b other -o rows").text
        assert "other" in cells("%ipcm ls").text
        cells("%ipcm detach")
        assert cells.run("%ipcm ps").error is not None
        assert "no bus is current" in cells.run("%ipcm detach").err


def test_a_current_bus_that_has_ended(cells: Cells) -> None:
    with ipcm.spawn("brief"):
        cells("%ipcm attach")
    ran = cells.run("%ipcm ps")
    assert isinstance(ran.error, ipcm.BusGone)
    with ipcm.spawn("next"):
        cells("%ipcm ps")


def test_what_is_about_no_bus_does_without_the_current_one(cells: Cells) -> None:
    with ipcm.spawn("brief"):
        cells("%ipcm attach")
    assert "nothing was watched" in cells("%ipcm unwatch").text
    with ipcm.spawn("next"):
        assert "next" in cells("%ipcm attach next").text


MISTAKES = {
    "%ipcm psx": "did you mean 'ps'",
    "%ipcm tui": "for a terminal",
    "%ipcm ps --bogus": "--bogus",
    "%ipcm call store": "ENDPOINT",
    "%ipcm call store search 'a": "is not closed",
    "%ipcm call store search nothing": "KEY=VALUE",
    "%%ipcm ps\nx": "takes no cell",
    "%%ipcm request store search\n{oops": "not JSON",
    "%%ipcm request store search\n[1]": "an object",
    "%%ipcm request store search {}\n{}": "one of them is enough",
    "%ipcm ps -o 3x": "no name for a variable",
    "%ipcm -b": "--bus needs a value",
    "%ipcm --output": "--output needs a value",
    "%ipcm ps -o class": "no name for a variable",
    "%ipcm info here-is-none": "here-is-none",
    "%ipcm terminate": "--all",
}


def test_a_mistake_is_told_in_few_words(bus: ipcm.Bus, cells: Cells) -> None:
    for line, words in MISTAKES.items():
        ran = cells.run(line)
        told = ran.out + ran.err
        assert ran.error is not None, line
        assert words in told, line
        assert "Traceback" not in told, line
        assert len(told.splitlines()) <= 6, line


def test_what_needs_a_yes_asks_for_it(
    bus: ipcm.Bus, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert "-y" in cells.run("%ipcm kill store").err
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert "nothing was done" in cells.run("%ipcm kill store").out
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert "ended" in cells("%ipcm kill store").text


def test_errors_keep_their_type_and_stay_short(bus: ipcm.Bus, cells: Cells) -> None:
    ran = cells.run("%ipcm call store never --timeout 0.1")
    assert isinstance(ran.error, ipcm.RequestTimeout)
    assert "File" not in ran.out + ran.err
    ran = cells.run("%ipcm call nobody search text=x")
    assert isinstance(ran.error, ipcm.NoSuchPeer)
    assert "store" in ran.out + ran.err


def test_a_remote_traceback_is_shown_where_it_is_exposed(cells: Cells) -> None:
    class Fails(ipcm.Service):
        @ipcm.endpoint
        def fail(self) -> None:
            raise ValueError("a detail")

    with ipcm.spawn("here") as made:
        for name, exposed in (("open", True), ("shut", False)):
            with ipcm.service(name, Fails, bus=made, expose_error_details=exposed):
                cells(f"%ipcm call {name} fail --noblock -o later")
                for line in (f"%ipcm call {name} fail", "later.result()", "later.result()"):
                    ran = cells.run(line)
                    told = ran.out + ran.err
                    assert isinstance(ran.error, ipcm.RemoteError)
                    assert told.count("ValueError: a detail") == exposed
                    assert ("in fail" in told) is exposed
                    assert "run_on_request_message" not in told


def test_the_magic_is_unloaded_without_a_trace(cells: Cells) -> None:
    before = list(cells.shell.input_transformers_cleanup)
    cells("%unload_ext ipcm")
    assert cells.run("%ipcm ls").error is not None
    cells("%load_ext ipcm")
    cells("%reload_ext ipcm")
    assert len(cells.shell.input_transformers_cleanup) == len(before)
