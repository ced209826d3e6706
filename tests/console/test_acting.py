"""`terminate`, `kill`, `signal`: what ends, and what asks first."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import ipcm
from tests.console.commands import ipcm_run, rows, running
from tests.helpers import gone, wait_until


def test_terminate_ends_one_without_a_question(bus: ipcm.Bus) -> None:
    run = ipcm_run("terminate", "probe")
    assert run.returncode == 0, run.stderr
    assert "probe" in run.stdout and "ended" in run.stdout
    assert bus.services() == ["store"]
    run = ipcm_run("terminate", "probe")
    assert run.returncode == 3 and "store" in run.stderr


def test_terminate_of_several_needs_a_yes(bus: ipcm.Bus) -> None:
    for words in (("store", "probe"), ("--all",)):
        run = ipcm_run("terminate", *words)
        assert run.returncode == 2 and "-y" in run.stderr
    assert bus.services() == ["store", "probe"]
    assert [row["done"] for row in rows("terminate", "--all", "-y")] == ["ended", "ended"]
    assert bus.services() == []
    run = ipcm_run("terminate", "--all", "-y")
    assert run.returncode == 0 and "no service" in run.stderr


def test_terminate_of_some_that_are_not_there_is_partial(bus: ipcm.Bus) -> None:
    run = ipcm_run("terminate", "probe", "nobody", "-y")
    assert run.returncode == 5
    assert "probe" in run.stdout and "nobody" in run.stderr
    assert ipcm_run("terminate").returncode == 2
    assert ipcm_run("terminate", "store", "--all").returncode == 2
    with ipcm.connect("me", bus):
        run = ipcm_run("terminate", "me")
        assert run.returncode == 2 and "'me' is a client" in run.stderr


def test_a_service_that_heeds_nothing_is_killed(bus: ipcm.Bus) -> None:
    pid = next(peer.pid for peer in bus.presence() if peer.name == "probe")
    os.kill(pid, signal.SIGSTOP)
    run = ipcm_run("terminate", "probe", "--timeout", "0.3")
    assert run.returncode == 4, run.stderr
    run = ipcm_run("kill", "probe")
    assert run.returncode == 2 and "-y" in run.stderr
    run = ipcm_run("kill", "probe", "-y")
    assert run.returncode == 0, run.stderr
    assert "ended" in run.stdout
    wait_until(lambda: gone(pid))
    assert bus.services() == ["store"]
    assert ipcm_run("kill", "probe", "-y").returncode == 3


def test_one_that_is_busy_holds_up_no_other(bus: ipcm.Bus) -> None:
    pid = next(peer.pid for peer in bus.presence() if peer.name == "store")
    os.kill(pid, signal.SIGSTOP)
    try:
        with running("terminate", "store", "probe", "-y", "--timeout", "60") as terminate:
            wait_until(lambda: bus.services() == ["store"])
            assert terminate.poll() is None
        run = ipcm_run("terminate", "store", "--no-wait", "--timeout", "0.3")
        assert run.returncode == 4 and "within 0.3 s" in run.stderr
        with ipcm.service("probe", ipcm.EchoService, bus=bus):
            words = ("terminate", "store", "probe", "-y", "--timeout", "0.5")
            run = ipcm_run(*words, "--no-wait")
            assert run.returncode == 5 and "asked to end" in run.stdout
            assert run.stderr == "store: no answer from 'store' within 0.5 s\n"
            wait_until(lambda: bus.services() == ["store"])
    finally:
        os.kill(pid, signal.SIGCONT)


def test_signals(bus: ipcm.Bus) -> None:
    assert rows("signal", "probe", "SIGHUP")[0]["done"] == "SIGHUP"
    assert rows("signal", "probe", "1")[0]["done"] == "SIGHUP"
    run = ipcm_run("signal", "probe", "HUPP")
    assert run.returncode == 2 and "SIGHUP" in run.stderr
    assert ipcm_run("signal", "probe", "0").returncode == 2
    assert ipcm_run("signal", "nobody", "HUP").returncode == 3
    assert rows("signal", "probe", "KILL")[0]["done"].startswith("SIGKILL")
    wait_until(lambda: bus.services() == ["store"])


def test_one_that_ends_by_itself_meanwhile_has_ended(home: Path) -> None:
    class Follower(ipcm.Service):
        @ipcm.endpoint
        def nothing(self) -> None:
            """Does nothing."""

        def run_on_peer_delta(self, delta: dict[str, int]) -> None:
            if delta.get("leader") == -1:
                self.terminate()

    with (
        ipcm.spawn("pair") as bus,
        ipcm.service("leader", ipcm.EchoService, bus=bus),
        ipcm.service("follower", Follower, bus=bus),
    ):
        done = rows("terminate", "leader", "follower", "-y")
        assert [row["done"] for row in done] == ["ended", "ended"]
        assert bus.services() == []
