"""The prompt on a real terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import stat
from pathlib import Path

import pytest

import ipcm
from tests.shell.screen import Screen, shell


def describe_store(screen: Screen) -> None:
    """Until the shell knows what the store offers: a Tab before that completes nothing."""
    screen.type("call store search")
    screen.expect("search(text: str, limit: int = 1)")
    screen.type("^C")
    screen.at_prompt()


def test_completion_validation_and_a_request(bus: ipcm.Bus, history: Path) -> None:
    with shell() as screen:
        screen.at_prompt()
        screen.expect("2 peers")
        describe_store(screen)
        screen.type("ca")
        screen.expect("Call an endpoint of a service")
        screen.type("Tab", "sto", "Tab", "sea", "Tab", "te", "Tab")
        screen.at_prompt("call store search text=")
        screen.type("fork limt=2")
        screen.expect("no parameter 'limt'; there are: text, limit")
        assert screen.colour_of("limt=2") == "brown", "doubtful"
        screen.type(*["\x7f"] * 6, "limit=2")
        screen.expect("search(text: str, limit: int = 1)")
        assert screen.colour_of("fork") == "green"
        screen.type("Enter")
        screen.expect('  "fork",')
        screen.at_prompt()
        # What was typed is suggested, and found again.
        screen.type("call st")
        screen.at_prompt("call store search text=fork limit=2")
        screen.type("Right", "Enter")
        screen.until(lambda: screen.text.count('  "fork",') == 2)
        screen.at_prompt()
        screen.type("^R", "limit=2")
        screen.expect("I-search backward: limit=2")
        screen.type("Enter")
        screen.at_prompt("call store search text=fork limit=2")
        screen.type("^C")
        screen.at_prompt()
        screen.type("call store odd password=hunter2", "Enter")
        screen.expect_output("no endpoint 'odd'")
        screen.at_prompt()
        screen.type("^D")
        assert screen.end() == 0
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    lines = [json.loads(line)["line"] for line in history.read_text().splitlines()]
    assert lines[0] == "call store search text=fork limit=2"
    assert lines[-1] == "call store odd password=***"


def test_json_over_several_lines(bus: ipcm.Bus) -> None:
    with shell() as screen:
        screen.at_prompt()
        screen.expect("2 peers")
        screen.type("request store search ")
        screen.expect("search(text: str")
        screen.type("{")  # what fits shows by itself, and a Tab would take the first of it
        screen.expect("string, required")
        screen.type("te", "Tab", '"a",', "Enter", '"limit": x')
        screen.expect("no JSON: expecting value")
        screen.type("\x7f", "2", "Enter", "}", "Enter")
        screen.expect('  "a",')
        screen.at_prompt()
        screen.type('request store search {"text": $_.0} | tr a-z A-Z', "Enter")
        screen.expect('["A"]')
        screen.at_prompt()
        screen.type("help describe", "Enter")
        screen.expect("describe [OPTIONS] SERVICE [ENDPOINT]")


def test_ctrl_c_cancels_the_line_or_the_verb_and_never_the_shell(bus: ipcm.Bus) -> None:
    with shell() as screen:
        screen.at_prompt()
        screen.type("half a line", "^C")
        screen.at_prompt()
        for _ in range(2):
            screen.type("tail store", "Enter")
            screen.expect("watching bus here")
            screen.type("^C")
            screen.expect("cancelled")
            screen.at_prompt()
            screen.type("\x0c")
            screen.until(lambda: "cancelled" not in "\n".join(screen.lines))
        screen.type("call probe nothing | (echo $((6 * 7)) of them; sleep 20)", "Enter")
        screen.expect("42 of them")
        screen.type("^C")
        screen.expect("cancelled")
        screen.at_prompt()
        screen.type("^D")
        assert screen.end() == 0


def test_an_interrupt_from_elsewhere_cancels_the_line(bus: ipcm.Bus) -> None:
    with shell() as screen:
        screen.at_prompt()
        for _ in range(2):
            screen.type("half a line")
            screen.at_prompt("half a line")
            os.kill(screen.process.pid, signal.SIGINT)
            screen.at_prompt()
        screen.type("^D")
        assert screen.end() == 0


def test_keys_change_the_format_the_keys_and_follow_the_traffic(bus: ipcm.Bus) -> None:
    with shell() as screen:
        screen.at_prompt()
        screen.expect("F2 auto | F3 follow | F4 emacs")
        screen.type("F2", "F2", "F2")
        screen.expect("F2 jsonl")
        screen.type("call store search text=a limit=2", "Enter")
        screen.until(lambda: screen.lines.count('"a"') == 2)
        screen.at_prompt()
        screen.type("F4")
        screen.expect("F4 vi")
        screen.type("tail -n 9", "\x1b", "0dw")
        screen.at_prompt("-n 9")
        screen.type("dd", "i", "F3")
        screen.expect("F3 following")
        screen.type("ps --sort na")
        screen.expect("probe     -> request   store")
        screen.expect("here> ps --sort na")
        screen.type("F3")
        screen.expect("F3 follow |")
        screen.at_prompt("ps --sort na")


def test_what_ends_something_asks_and_no_is_the_answer(bus: ipcm.Bus) -> None:
    with shell() as screen:
        screen.at_prompt()
        screen.type("kill probe", "Enter")
        screen.expect("Kill probe on bus here? [y/N]")
        screen.type("Enter")
        screen.expect("nothing was done")
        screen.at_prompt()
        screen.type("terminate probe", "Enter")
        screen.expect("Terminate probe on bus here? [y/N]")
        screen.type("^C")
        screen.expect("cancelled")
        screen.at_prompt()
        assert bus.services() == ["store", "probe"]
        screen.type("terminate probe -y", "Enter")
        screen.expect("ended")
        screen.at_prompt()
        screen.expect("1 peer -probe")
    assert bus.services() == ["store"]


def test_a_service_or_bus_that_goes_is_one_line_and_the_prompt_stays(bus: ipcm.Bus) -> None:
    other = ipcm.spawn("other")
    try:
        with shell("-b", "other") as screen:
            screen.at_prompt()
            screen.type("call -b here store die", "Enter")
            screen.expect("'store' left the bus or died before it answered")
            screen.expect("`ps` shows who is there")
            screen.at_prompt()
            screen.type("tail", "Enter")
            screen.expect("watching bus other")
            other.shutdown()
            screen.expect("the bus ended")
            screen.at_prompt()
            screen.expect("other has ended")
            screen.type("ps", "Enter")
            screen.expect("the bus 'other' has ended; `attach` picks another")
            screen.at_prompt()
            screen.type("attach her", "Tab", "Enter")
            screen.expect("probe")
            screen.at_prompt()
            screen.expect(" here | 1 peer")
            with ipcm.connect("visitor", bus):
                screen.expect("2 peers +visitor")
            screen.expect("-visitor")
    finally:
        other.shutdown()


class Sink(ipcm.Service):
    def handle_request(self, request: ipcm.Request, message: ipcm.Message) -> None:
        return None

    def run_on_general_message(self, message: ipcm.Message) -> None:
        pass


class Flood(Sink):
    def run_on_interval(self) -> None:
        with contextlib.suppress(ipcm.NoSuchPeer, ipcm.Backpressure):
            for _ in range(100):
                self.client().send_message("sink", {"text": "漢" * 60})


def test_more_traffic_than_one_can_read_does_not_disturb_typing(home: Path) -> None:
    with (
        ipcm.spawn("busy") as bus,
        ipcm.service("sink", Sink, bus=bus),
        ipcm.service("flood", Flood, bus=bus, interval=0.005),
        shell() as screen,
    ):
        screen.at_prompt()
        screen.type("F3")
        screen.expect_output("left out: too many to read")
        told = [line for line in screen.text.splitlines() if "漢" in line]
        assert told
        assert all(re.match(r"\d\d:\d\d:", line) for line in told), "a row for each"
        text = "call sink nothing text=more"
        for count in range(len(text)):
            screen.type(text[count])
            screen.at_prompt(text[: count + 1].rstrip())
        screen.until(lambda: screen.text.count("left out") > 1)
        screen.at_prompt(text)
        screen.type("^C", "F3")
        screen.expect("F3 follow |")
        screen.until(lambda: re.search(r"\d{3,} dropped", screen.text))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_prompt_ends_it_in_order(bus: ipcm.Bus, number: int) -> None:
    with shell() as screen:
        screen.at_prompt()
        os.kill(screen.process.pid, number)
        assert screen.end() == 128 + number


def test_where_there_is_no_bus_and_nothing_may_be_changed(home: Path) -> None:
    with shell("--read-only") as screen:
        screen.expect("no bus is running")
        screen.at_prompt()
        screen.expect(" no bus | read-only | 0 peers")
        with ipcm.spawn("late") as late, ipcm.service("echo", ipcm.EchoService, bus=late):
            screen.type("attach", "Enter")
            screen.expect("services  echo")
            screen.at_prompt()
            screen.type("request echo 5", "Enter")
            screen.expect("this shell is read-only")
            screen.at_prompt()
        screen.expect("late has ended")
        screen.type("exit", "Enter")
        assert screen.end() == 0


def test_a_terminal_that_does_not_say_where_its_cursor_is(bus: ipcm.Bus) -> None:
    with shell(answering=False) as screen:
        screen.at_prompt()
        screen.expect("F2 auto | F3 follow | F4 emacs")
        screen.type("kil", "Tab")
        screen.at_prompt("kill")
