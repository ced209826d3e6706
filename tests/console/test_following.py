"""`tail`: what happens, until it ends."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ipcm
from tests.console.commands import LIMIT, ipcm_run, rows, running
from tests.helpers import wait_until


def test_tail_follows_traffic_and_peers(bus: ipcm.Bus) -> None:
    with running("tail", "-o", "jsonl") as tail:
        assert tail.stdout is not None
        first = _read_until(tail, lambda event: event["event"] == "message")
        assert first["service"] in ("store", "probe")
        with ipcm.connect("passer-by", bus):
            seen = _read_until(
                tail, lambda event: event["event"] == "peer" and event["peer"] == "passer-by"
            )
            assert seen["change"] == 1
        seen = _read_until(
            tail, lambda event: event["event"] == "peer" and event["peer"] == "passer-by"
            and event["change"] == -1,
        )  # fmt: skip
        tail.send_signal(signal.SIGINT)
        tail.stdout.read()
        assert tail.wait(LIMIT) == 130
        assert tail.stderr is not None and tail.stderr.read() == ""


def _read_until(
    tail: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    assert tail.stdout is not None
    deadline = time.monotonic() + LIMIT
    for line in tail.stdout:
        event: dict[str, Any] = json.loads(line)
        if wanted(event):
            return event
        assert time.monotonic() < deadline
    raise AssertionError("tail ended")


def test_tail_follows_a_client_by_what_services_tell(bus: ipcm.Bus) -> None:
    with ipcm.connect("me", bus) as me, running("tail", "me", "-n", "2", "-o", "jsonl") as tail:
        deadline = time.monotonic() + LIMIT
        # Until it listens.
        while tail.poll() is None and time.monotonic() < deadline:
            me.request("store", {"endpoint": "stats"})
        assert tail.stdout is not None and tail.wait(LIMIT) == 0
        events = [json.loads(line) for line in tail.stdout]
    assert {(event["service"], event["peer"]) for event in events} == {("store", "me")}
    assert {event["kind"] for event in events} == {"request", "response"}


def test_tail_stops_after_so_many_or_so_long(bus: ipcm.Bus) -> None:
    assert len(rows("tail", "-n", "3")) == 3
    events = rows("tail", "-n", "3", "--seconds", "60", "probe")
    assert len(events) == 3 and {event["service"] for event in events} <= {"probe", ""}
    assert rows("tail", "--seconds", "0.2", "nobody") == []
    # What is shown together is in the order in which it happened.
    text = ipcm_run("tail", "-n", "6").stdout.splitlines()
    assert len(text) == 6 and all("store" in line or "probe" in line for line in text)
    read = csv.DictReader(io.StringIO(ipcm_run("tail", "-n", "2", "-o", "csv").stdout))
    assert [row["event"] for row in read] == ["message", "message"]
    assert rows("tail", "--seconds", "0") == []


def test_tail_as_one_document_needs_an_end(bus: ipcm.Bus) -> None:
    run = ipcm_run("tail", "-o", "json")
    assert (run.returncode, run.stdout) == (2, "")
    assert "jsonl" in run.stderr


def test_tail_without_previews(bus: ipcm.Bus) -> None:
    assert all(event["preview"] is None for event in rows("tail", "-n", "3", "--no-previews"))


@pytest.mark.parametrize(
    "words", [("tail", "-o", "jsonl"), ("top", "-n", "1000", "-d", "0.1", "-o", "jsonl")]
)
def test_it_ends_with_the_bus(bus: ipcm.Bus, words: tuple[str, ...]) -> None:
    with running(*words) as follower:
        assert follower.stdout is not None and follower.stdout.readline()
        bus.shutdown()
        assert follower.wait(LIMIT) == 3
        assert follower.stderr is not None and "ended" in follower.stderr.read()


def test_a_reader_that_goes_ends_it_quietly(bus: ipcm.Bus) -> None:
    line = f"{sys.executable} -m ipcm tail | head -n 1; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    first, code = run.stdout.splitlines()
    assert "store" in first and code == "0"
    assert run.stderr == ""


def test_a_reader_that_goes_is_noticed_though_nothing_happens(home: Path) -> None:
    with ipcm.spawn("quiet") as bus, running("tail") as tail:
        wait_until(lambda: any(peer.kind == "observer" for peer in bus.presence()))
        assert tail.stdout is not None
        tail.stdout.close()
        assert tail.wait(LIMIT) == 0
        assert tail.stderr is not None and tail.stderr.read() == ""
