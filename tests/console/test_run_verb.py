"""`run`: somebody's own service in the foreground."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from pathlib import Path

import pytest

import ipcm
from tests.console.commands import LIMIT, ipcm_run, left_behind, running, terminal
from tests.helpers import wait_until

APP = """
import os, sys, time
import ipcm

class Counter(ipcm.Service):
    start = 0

    def __init__(self, *args, start=0, **params):
        super().__init__(*args, **params)
        self.start = start

    @ipcm.endpoint
    def add(self, n: int = 1) -> int:
        self.start += n
        return self.start

    @ipcm.endpoint
    def leave(self, value: int) -> None:
        self.terminate(value)

    @ipcm.endpoint
    def hold(self) -> None:
        time.sleep(30)

    @ipcm.endpoint
    def exit(self) -> None:
        sys.exit(3)

    def run_on_interval(self):
        if os.environ.get("FAIL"):
            raise ValueError("no more")

    def run_on_cleanup(self):
        print("cleaned up", flush=True)

class Hangup(Counter):
    signals_to_grab = ("HUP",)
    orig_io = property(lambda self: None)  # one that cannot be set

    def run_on_sig(self, sig):
        print(f"got {sig.name}", flush=True)

class Keeper(ipcm.Service):
    def __init__(self, path, **params):
        super().__init__(**params)

other = 5
"""


@pytest.fixture
def app(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "worse.py").write_text("1 / 0\n")
    (tmp_path / "leaver.py").write_text("raise SystemExit(3)\n")
    # The command finds the project from anywhere, and the app because it stands in it.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.getcwd(), f"{os.getcwd()}/tui"]))
    monkeypatch.chdir(tmp_path)


def ready(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    assert select.select([process.stderr], [], [], LIMIT)[0]
    return process.stderr.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_order(app: None, home: Path, number: signal.Signals) -> None:
    with running("run", "app:Counter", "start=5", "--name", "n") as process:
        assert ready(process) == f"n runs on bus n (pid {process.pid}); Ctrl-C ends it\n"
        with ipcm.attach("n") as handle:
            assert handle.call("add", n=2) == 7
            assert handle.service_pid == process.pid
        process.send_signal(number)
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out, err) == (128 + number, "cleaned up\n", "")
    wait_until(lambda: not left_behind(home))


def test_interrupted_at_a_terminal(app: None, home: Path) -> None:
    with terminal("run", "app:Counter") as screen:
        screen.expect("counter runs on bus counter")
        screen.process.send_signal(signal.SIGINT)
        screen.expect("cleaned up")
        assert screen.end() == 130
    assert "Traceback" not in screen.text
    wait_until(lambda: not left_behind(home))


def test_a_second_signal_ends_it_at_once(app: None, home: Path) -> None:
    with running("run", "app:Counter") as process:
        ready(process)
        with ipcm.attach("counter") as handle:
            handle.send_request("counter", {"endpoint": "hold"})
            wait_until(lambda: _sleeps(process.pid))
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            assert process.wait(LIMIT) < 0
    wait_until(lambda: not left_behind(home))


def _sleeps(pid: int) -> bool:
    return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text() or _in_sleep_call(pid)


def _in_sleep_call(pid: int) -> bool:
    # clock_nanosleep(2) on x86-64 and arm64, where the kernel tells system calls only.
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] in ("230", "115")


def test_a_signal_that_it_grabs_is_its_own(app: None) -> None:
    with running("run", "app:Hangup") as process:
        ready(process)
        process.send_signal(signal.SIGHUP)
        assert process.stdout is not None
        assert process.stdout.readline() == "got SIGHUP\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 128 + signal.SIGTERM


def test_it_joins_the_bus_that_is_named(app: None) -> None:
    with ipcm.spawn("mine") as bus, running("run", "app:Counter", "-b", "mine") as process:
        assert "on bus mine" in ready(process)
        assert bus.services() == ["counter"]
        run = ipcm_run("run", "app:Counter", "-b", "mine")
        assert run.returncode == 2 and "already has the name 'counter'" in run.stderr
        bus.terminate()
        out, _ = process.communicate(timeout=LIMIT)
        assert (process.returncode, out) == (0, "cleaned up\n")
        assert [each.name for each in ipcm.buses()] == ["mine"]
        environment = {**os.environ, "IPCM_BUS": "mine"}
        with running("run", "app:Counter", env=environment) as other:
            assert "on bus mine" in ready(other)
            other.send_signal(signal.SIGINT)
            other.wait(LIMIT)


@pytest.mark.parametrize(("value", "code", "told"), [(0, 0, ""), (4, 1, "counter ended with 4\n")])
def test_it_ends_by_itself(app: None, value: int, code: int, told: str) -> None:
    with running("run", "app:Counter") as process:
        ready(process)
        with ipcm.attach("counter") as handle:
            handle.call("leave", value=value)
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out, err) == (code, "cleaned up\n", told)


def test_an_exception_ends_it_with_its_traceback(app: None, home: Path) -> None:
    with running("run", "app:Counter", env={**os.environ, "FAIL": "1"}) as process:
        out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 1 and out == "cleaned up\n"
    assert "'counter' ended by an exception: ValueError: no more" in err
    assert "app.py" in err
    with running("run", "app:Counter") as process:
        ready(process)
        # The bus is the command's own, and ends with it.
        with ipcm.attach("counter") as handle, pytest.raises((ipcm.PeerGone, ipcm.BusGone)):
            handle.call("exit")
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 1 and "SystemExit: 3" in err
    wait_until(lambda: not left_behind(home))


def test_a_service_may_be_named_as_no_bus_may(app: None, home: Path) -> None:
    with running("run", "app:Counter", "--name", "größe 1") as process:
        assert "größe 1 runs on bus bus-" in ready(process)
        with ipcm.attach("größe 1") as handle:
            assert handle.call("add") == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["app"], 2, ["'app' is not MODULE:CLASS"]),
        (["app:"], 2, ["not MODULE:CLASS"]),
        (["nowhere:X"], 2, ["no module 'nowhere'"]),
        (["app.deeper:X"], 2, ["no module 'app.deeper'"]),
        ([".app:X"], 2, ["'.app'"]),
        (["app.py:Counter"], 2, ["no module 'app.py'", "did you mean app?"]),
        (["./app:Counter"], 2, ["no name of a module: did you mean app?"]),
        (["leaver:X"], 1, ["importing leaver failed: SystemExit: 3"]),
        (["app:Count"], 2, ["did you mean Counter?"]),
        (["app:xyz"], 2, ["Counter, Hangup, Keeper"]),
        (["app:other"], 2, ["no class of services", "Counter"]),
        (["app:ipcm.Service"], 1, ["would answer nothing"]),
        (["broken:X"], 1, ["importing broken failed", "nothing_of_that_name"]),
        (["worse:X"], 1, ["ZeroDivisionError", "worse.py"]),
        (["app:Counter", "start"], 2, ["KEY=VALUE"]),
        (["app:Counter", "name=x"], 2, ["--name"]),
        (["app:Counter", "--name", "a/b"], 2, ["a/b"]),
        (["app:Counter", "strat=1"], 2, ["strat"]),
        (["app:Keeper"], 2, ["app:Keeper", "missing a required argument: 'path'"]),
        (["app:Counter", "--name", ""], 2, ["'' is not a usable name: it is empty"]),
        (["app:Counter", "-b", "nope"], 3, ["nope"]),
    ],
)
def test_what_cannot_be_run(app: None, words: list[str], code: int, parts: list[str]) -> None:
    run = subprocess.run(
        [*_command(), "run", *words], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert run.returncode == code, run.stderr
    assert all(part in run.stderr for part in parts), run.stderr
    assert run.stdout == ""
    if code == 2:
        assert "Traceback" not in run.stderr


def _command() -> list[str]:
    from tests.console.commands import command

    return command()
