"""Standard input that is no terminal: a script, and its exit codes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import ipcm
from ipcm.cli import main
from ipcm.shell.voice import ScriptVoice
from tests.console.commands import LIMIT, command
from tests.shell.screen import Screen


class Ran(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Script = Callable[..., Ran]


@pytest.fixture
def script(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Script:
    """Runs a script where nobody can be asked."""
    monkeypatch.setattr(ScriptVoice, "ask", lambda self, question: None)

    def run(text: str, *words: str) -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        capfd.readouterr()
        code = main(["shell", *words])
        return Ran(code, *capfd.readouterr())

    return run


def test_where_there_is_no_terminal_nobody_is_asked(bus: ipcm.Bus) -> None:
    run = subprocess.run(
        command("shell"), input="kill store", capture_output=True, text=True, timeout=LIMIT,
        check=False, start_new_session=True,
    )  # fmt: skip
    assert run.returncode == 2 and "-y says yes beforehand" in run.stderr
    assert len(bus.services()) == 2


def test_one_verb_a_line(bus: ipcm.Bus, tmp_path: Path, script: Script) -> None:
    out = tmp_path / "peers.csv"
    run = script(
        f"""
        # comments, and empty lines

        request store stats          # one behind a verb
        request store search {{
          "text": "a",
          "limit": 2
        }}
        call store search text=$_.1 limit=$_
        request store search {{"text": $_.0}} -o jsonl
        ps -o csv > {out}
        ls -o csv >> {out}
        request store stats | tr a-z A-Z
        """.replace("limit=$_\n", "limit=1\n")
    )
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert [json.loads(line) for line in lines[:3]] == [{"files": 3}, ["a", "a"], ["a"]]
    assert lines[3:] == ['"a"', '{"FILES":3}']
    rows = out.read_text().splitlines()
    assert rows[0].startswith("name,kind,") and any(row.startswith("here,") for row in rows)


@pytest.mark.parametrize(
    ("line", "code", "problem"),
    [
        ("call store search text=a limit=x", 1, "bad arguments"),
        ("tial", 2, "no verb 'tial': did you mean 'tail'?"),
        ("ps --sort odd", 2, "--sort is one of"),
        ("request store {", 2, "} is missing"),
        ("call store search text=$_", 2, "there is none yet"),
        ("kill store", 2, "-y says yes beforehand"),
        ("describe nobody", 3, "no peer named"),
        ("ps -b nowhere", 3, "no bus named"),
        ("call store never --timeout 0.05", 4, "no answer"),
        ("terminate probe nobody -y", 5, "nobody"),
        ("request store stats | (cat >/dev/null; exit 7)", 7, ""),
        ("ps > /nowhere/at/all", 1, "No such file"),
        ("attach nowhere", 3, "no bus named"),
        ("tui", 2, "needs a terminal"),
    ],
)
def test_the_exit_code_is_that_of_the_first_failure(
    bus: ipcm.Bus, line: str, code: int, problem: str, script: Script
) -> None:
    run = script(f"# first\n{line}\n" if line.endswith("{") else f"# first\n{line}\nls\n")
    assert run.returncode == code
    assert problem in run.stderr
    assert code in (5, 7) or run.stderr.startswith("ipcm: line 2: "), run.stderr
    assert "here" not in run.stdout


def test_it_goes_on_if_told_to(bus: ipcm.Bus, script: Script) -> None:
    run = script("describe nobody\ntial\nls\n", "--keep-going")
    assert run.returncode == 3
    assert "line 1: no peer" in run.stderr and "line 2: no verb" in run.stderr
    assert "here" in run.stdout


def test_it_may_be_left(bus: ipcm.Bus, script: Script) -> None:
    run = script("ls -o csv\nexit\ntial\n")
    assert run.returncode == 0 and "here," in run.stdout


def test_a_prompt_needs_a_terminal_for_its_output(bus: ipcm.Bus) -> None:
    screen = Screen(["sh", "-c", f"{sys.executable} -m ipcm shell | cat; echo done"])
    try:
        screen.expect("a prompt needs a terminal to be shown on")
        screen.expect("done")
        screen.end()
    finally:
        screen.close()


def test_where_no_bus_runs(home: Path, script: Script) -> None:
    assert script("help ps\nls\n").returncode == 0
    assert script("ps\n").returncode == 3
    run = script("ls\n", "-b", "nowhere")
    assert run.returncode == 3 and "nowhere" in run.stderr


def test_attach_and_detach(bus: ipcm.Bus, script: Script) -> None:
    with ipcm.spawn("other"):
        assert script("ps").returncode == 2, "there are two"
        run = script("attach here\ndescribe store -o json\ndetach\nps")
        assert run.returncode == 2 and '"search"' in run.stdout and "line 4" in run.stderr
        run = script("call store stats", "-b", "here")
        assert run.returncode == 0


def test_a_bus_that_ends_is_not_replaced(bus: ipcm.Bus) -> None:
    with ipcm.spawn("other") as other:
        process = subprocess.Popen(
            command("shell", "-b", "other"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("ps -o jsonl\nls -o csv\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("name,")
        other.shutdown()
    _, error = process.communicate("kill --all -y\n", timeout=LIMIT)
    assert process.returncode == 3
    assert "the bus 'other' has ended; `attach` picks another" in error
    assert len(bus.services()) == 2


def test_read_only(bus: ipcm.Bus, script: Script) -> None:
    assert script("ps\ntail -n 1", "--read-only").returncode == 0
    for line in ("call store stats", "signal probe HUP", "terminate probe -y", "kill -a -y"):
        run = script(line, "--read-only")
        assert run.returncode == 2 and "read-only" in run.stderr
    assert len(bus.services()) == 2


def test_what_has_to_be_confirmed(
    bus: ipcm.Bus, monkeypatch: pytest.MonkeyPatch, script: Script
) -> None:
    assert script("signal probe HUP").returncode == 0
    run = script("signal probe HUP", "--ask", "signal,kill")
    assert run.returncode == 2 and "Signal probe HUP?" in run.stderr
    assert script("signal probe HUP -y", "--ask", "signal").returncode == 0
    assert script("signal probe HUP -y").returncode == 2
    monkeypatch.setenv("IPCM_ASK", "signal")
    assert script("signal probe HUP").returncode == 2
    assert script("terminate probe").returncode == 0, "not in the list"
    run = script("ls", "--ask", "odd")
    assert run.returncode == 2 and "odd" in run.stderr


def test_it_asks_at_the_terminal(bus: ipcm.Bus, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text("terminate probe\nterminate probe\nls\n")
    line = f"exec {sys.executable} -m ipcm shell < {file}"
    screen = Screen(["sh", "-c", line])
    try:
        screen.expect("Terminate probe on bus here? [y/N]")
        screen.type("y\r")
        screen.expect("no peer named 'probe'")
        assert screen.end() == 3
    finally:
        screen.close()
    file.write_text("terminate store\nls\n")
    screen = Screen(["sh", "-c", line])
    try:
        screen.expect("Terminate store on bus here? [y/N]")
        screen.type("\r")
        screen.expect("line 1: nothing was done")
        assert screen.end() == 1
    finally:
        screen.close()
    assert bus.services() == ["store"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it(bus: ipcm.Bus, number: int, code: int) -> None:
    process = subprocess.Popen(
        command("shell"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("tail -o jsonl\nls\n")
    process.stdin.flush()
    assert process.stdout.readline()
    os.kill(process.pid, number)
    out, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == code and "here" not in out


def test_a_reader_that_goes_ends_the_verb_and_no_more(bus: ipcm.Bus, script: Script) -> None:
    run = script("tail -o jsonl | head -n 1\nrequest store stats")
    assert run.returncode == 0 and run.stdout.endswith('{"files":3}\n')


def test_a_file_without_room_is_told_once(bus: ipcm.Bus, script: Script) -> None:
    ran = script("request store stats > /dev/full")
    why = "/dev/full cannot be written: No space left on device"
    assert (ran.returncode, ran.stderr) == (1, f"ipcm: line 1: {why}\n")
    ran = script("request store stats > /nowhere/at/all")
    assert ran.returncode == 1 and "/nowhere/at/all" in ran.stderr


def test_its_help_does_not_need_the_prompt() -> None:
    code = (
        "import sys, io\n"
        "sys.modules['prompt_toolkit'] = None\n"
        "sys.stdin = io.StringIO('help ps')\n"
        "from ipcm.shell import main\n"
        "sys.exit(main())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                         timeout=LIMIT)  # fmt: skip
    assert run.returncode == 0 and "--sort" in run.stdout
