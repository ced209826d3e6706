"""`ls`, `ps`, `info`, `describe`, `top`: what is there."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import msgspec
import pytest

import ipcm
from ipcm.console.peers import peer_table
from ipcm.console.usage import UsageMeter
from tests.console.commands import LIMIT, ipcm_run, rows, running, terminal
from tests.helpers import wait_until

PATIENTLY = ("--timeout", "10")
"""Who takes longer than a second is busy, and it is not that which is tested."""


def test_ls_lists_the_buses(bus: ipcm.Bus) -> None:
    with ipcm.spawn("other"):
        found = rows("ls")
        assert [row["name"] for row in found] == ["here", "other"]
        assert (found[0]["peers"], found[0]["services"]) == (2, 2)
        assert found[0]["owner_pid"] == os.getpid()
        assert found[0]["age"] >= 0
        assert [row["name"] for row in rows("ls", "-b", "other")] == ["other"]
        text = ipcm_run("ls").stdout.splitlines()
        assert text[0].split() == ["BUS", "TRANSPORT", "AGE", "OWNER", "PEERS", "SERVICES"]
        assert [line.split()[0] for line in text[1:]] == ["here", "other"]


def test_ls_without_a_bus(home: Path) -> None:
    run = ipcm_run("ls")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "no bus is running\n")
    assert rows("ls") == []


def test_a_place_for_buses_that_is_not_private_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o755)
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(place))
    for words in (("ls",), ("ps",), ("ps", "-b", "mine"), ("run", "ipcm:EchoService")):
        ran = ipcm_run(*words)
        assert (ran.returncode, ran.stdout) == (3, "")
        assert f"refusing to use {place}" in ran.stderr and "chmod 700" in ran.stderr


def test_ls_tells_of_a_bus_that_does_not_answer(home: Path) -> None:
    with ipcm.spawn("still") as still, ipcm.spawn("other"):
        keeper = still._record.keeper_pid
        assert keeper is not None
        os.kill(keeper, signal.SIGSTOP)
        try:
            with running("ls") as both, running("ls", "-b", "still") as alone:  # 5 s each
                told = [each.communicate(timeout=LIMIT) for each in (both, alone)]
        finally:
            os.kill(keeper, signal.SIGCONT)
    (listed, complaint), only = told
    assert both.returncode == 5 and "other" in listed and "still" not in listed
    assert complaint == "still: the registrar of the bus does not answer\n"
    assert alone.returncode == 3 and only == ("", complaint)


def test_ps_shows_services_and_peers(bus: ipcm.Bus) -> None:
    with ipcm.connect("me", bus):
        found = {row["name"]: row for row in rows("ps", *PATIENTLY)}
    assert set(found) == {"store", "probe", "me"}
    assert found["store"]["kind"] == "service" and found["store"]["state"] == "running"
    assert found["store"]["rss"] > 1_000_000
    assert found["me"] == {
        **dict.fromkeys(found["me"]),
        "name": "me", "kind": "client", "pid": os.getpid(), "state": "connected",
        "uptime": found["me"]["uptime"], "cpu": found["me"]["cpu"], "rss": found["me"]["rss"],
        "when": found["me"]["when"],
    }  # fmt: skip
    names = [row["name"] for row in rows("ps", "--sort", "name")]
    assert names == sorted(names)


def test_ps_counts_requests_and_signals(bus: ipcm.Bus) -> None:
    assert ipcm_run("signal", "probe", "HUP").returncode == 0
    with ipcm.attach("probe", bus) as probe:
        wait_until(lambda: probe.snapshot().signals["SIGHUP"].handled)
    with ipcm.attach("store", bus) as store:
        wait_until(lambda: store.snapshot().requests.received)
    found = {row["name"]: row for row in rows("ps", *PATIENTLY)}
    assert found["probe"]["signals"] >= 1
    assert found["store"]["requests"] > 0 and found["store"]["p95"] >= found["store"]["p50"] > 0


def test_a_stopped_service_is_shown_as_busy(bus: ipcm.Bus) -> None:
    pid = next(peer.pid for peer in bus.presence() if peer.name == "probe")
    os.kill(pid, signal.SIGSTOP)
    try:
        # Long enough for the other one to answer on a busy machine.
        found = {row["name"]: row for row in rows("ps", "--timeout", "2")}
        assert found["probe"]["state"] == "busy" and found["probe"]["busy"] > 1.9
        assert found["store"]["state"] == "running"
        run = ipcm_run("info", "probe", "--timeout", "0.3")
        assert run.returncode == 4 and "0.3 s" in run.stderr
    finally:
        os.kill(pid, signal.SIGCONT)


def test_info(bus: ipcm.Bus) -> None:
    about = json.loads(ipcm_run("info", "-o", "json").stdout)
    assert about["info"] == str(bus) and about["services"] == ["store", "probe"]
    service = json.loads(ipcm_run("info", "store", "-o", "json", *PATIENTLY).stdout)
    assert service["snapshot"]["name"] == "store" and service["bus"] == "here"
    text = ipcm_run("info", "store", *PATIENTLY).stdout
    assert text.startswith("service") and "endpoints" in text
    assert ipcm_run("info", "nobody").returncode == 3


def test_describe(bus: ipcm.Bus) -> None:
    run = ipcm_run("describe", "store", *PATIENTLY)
    assert "search(text: str, limit: int = 1) -> list[str]" in run.stdout
    assert "Finds what it is told to find." in run.stdout
    about = json.loads(ipcm_run("describe", "store", "search", "-o", "json", *PATIENTLY).stdout)
    assert about["name"] == "search"
    run = ipcm_run("describe", "store", "serch")
    assert run.returncode == 2 and "search" in run.stderr
    with ipcm.connect("me", bus):
        assert ipcm_run("describe", "me").returncode == 2
    assert ipcm_run("describe", "nobody").returncode == 3


def test_top_off_a_terminal_is_one_look(bus: ipcm.Bus) -> None:
    run = ipcm_run("top")
    assert run.returncode == 0
    assert run.stdout.count("NAME") == 1 and "store" in run.stdout
    assert {row["name"] for row in rows("top")} == {"store", "probe"}
    looks = json.loads(ipcm_run("top", "-n", "2", "-d", "0.1", "-o", "json").stdout)
    assert [len(look) for look in looks] == [2, 2]


def test_top_shows_how_it_is_at_each_look(bus: ipcm.Bus) -> None:
    looks = json.loads(ipcm_run("top", "-n", "3", "-d", "0.5", "-o", "json").stdout)
    ages = [look[0]["uptime"] for look in looks]
    assert ages[1] - ages[0] > 0.4 and ages[2] - ages[1] > 0.4
    # Each row says when: as lines of JSON nothing else tells the looks apart.
    moments = [{row["when"] for row in look} for look in looks]
    assert [len(those) for those in moments] == [1, 1, 1]
    assert time.time() - 30 < min(moments[0]) < min(moments[1]) < min(moments[2]) < time.time()


def test_rows_keep_the_order_in_which_services_came(bus: ipcm.Bus) -> None:
    with bus.observe() as observer:
        assert observer.ready(LIMIT)
        # Of another moment than that of the other one, as they are.
        old = observer.snapshots["store"]
        observer.snapshots["store"] = msgspec.structs.replace(old, uptime=0.0)
        names = [row.name for row in peer_table(observer, UsageMeter(), 0.0).rows]
    assert names == ["store", "probe"]


def test_what_has_answered_nothing_took_no_time(bus: ipcm.Bus) -> None:
    with ipcm.service("idle", ipcm.EchoService, bus=bus):
        found = {row["name"]: row for row in rows("ps", *PATIENTLY)}
        assert found["idle"]["p50"] is None and found["idle"]["p95"] is None
        assert ipcm_run("ps", "--filter", "idle p95<1h", *PATIENTLY).stdout == ""


def test_on_a_narrow_terminal_ls_leaves_columns_out(bus: ipcm.Bus) -> None:
    with terminal("ls", COLUMNS="30") as narrow:
        assert narrow.end() == 0
    heading, row = narrow.text.splitlines()
    assert "SERVICES" in heading and "OWNER" not in heading and "..." not in heading + row
