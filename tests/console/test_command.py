"""The command itself: streams, help, completion, start-up."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import ipcm
from tests.console.commands import LIMIT, command, ipcm_run
from tests.helpers import wait_until


def test_an_output_that_is_full_is_told(bus: ipcm.Bus) -> None:
    with open("/dev/full", "w") as full:
        for words in (("ls",), ("ls", "-o", "json"), ("--help",), ("--version",)):
            run = subprocess.run(
                command(*words), stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT,
                check=False,
            )  # fmt: skip
            assert run.returncode == 1
            why = "the output cannot be written: No space left on device"
            assert run.stderr == f"ipcm: {why}\n"


@pytest.mark.parametrize("closed", [">&-", "<&-", ">&- <&-", ">&- <&- 2>&-"])
def test_streams_may_be_closed(bus: ipcm.Bus, closed: str) -> None:
    line = f"{sys.executable} -m ipcm request store stats {closed}"
    run = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_help_and_version() -> None:
    run = ipcm_run("--help")
    assert run.returncode == 0 and "Examples" in run.stdout
    assert ipcm_run("--version").stdout == f"ipcm {ipcm.__version__}\n"
    run = ipcm_run("tial")
    assert run.returncode == 2 and "'tail'" in run.stderr
    assert ipcm_run().returncode == 2
    assert ipcm_run("help").stdout == ipcm_run("--help").stdout
    assert ipcm_run("help", "ps").stdout == ipcm_run("ps", "--help").stdout
    assert ipcm_run("-b", "x", "help", "ps").stdout == ipcm_run("ps", "--help").stdout
    assert "ipcm help call" in ipcm_run("help", "help").stdout
    run = ipcm_run("help", "tial")
    assert run.returncode == 2 and "'tail'" in run.stderr
    assert ipcm_run("help", "ps", "ls").returncode == 2


def test_what_is_wrong_is_told_as_people_say_it() -> None:
    for words, said in (
        (("logs", "x", "-n", "y"), "--lines is a whole number, not 'y'"),
        (("logs", "x", "-n", "-1"), "--lines is at least 0, not -1"),
        (("top", "--sort", "p59"), "--sort is one of name, kind"),
        (("request", "x", "-1"), "stands behind --"),
        (("-o", "yaml", "ps"), "--output is one of table, json, jsonl, csv, not 'yaml'"),
        (("ps", "--sotr", "x"), "ps has no option --sotr: did you mean --sort?"),
        (("signal", "x"), "SIGNAL is missing: HUP"),
    ):
        run = ipcm_run(*words)
        assert run.returncode == 2 and said in run.stderr
    for words in (("logs",), ("ps",)):
        assert "RANGE" not in (shown := ipcm_run(*words, "--help").stdout)
        assert max(map(len, shown.splitlines())) <= 80


def test_completion_of_verbs_and_services(bus: ipcm.Bus) -> None:
    def offers(line: str) -> list[str]:
        environment = {
            **os.environ, "_IPCM_COMPLETE": "bash_complete", "COMP_LINE": line,
            "COMP_WORD": line.rpartition(" ")[2],
        }  # fmt: skip
        run = subprocess.run(
            command(), capture_output=True, text=True, timeout=LIMIT, env=environment, check=True
        )
        return [each.partition(",")[2] for each in run.stdout.splitlines()]

    assert offers("ipcm te") == ["terminate"]
    assert offers("ipcm he") == ["help"]
    assert offers("ipcm -b h") == [bus.name] == ["here"]
    assert offers("ipcm help te") == ["terminate"]
    assert offers("ipcm terminate ") == ["store", "probe"]
    # Who does not tell of itself at once is not waited for.
    wait_until(lambda: offers("ipcm request store se") == ["search"])
    assert offers("ipcm signal probe HU") == ["HUP"]
    assert offers("ipcm ps -b ") == ["here"]
    assert offers("ipcm ps -b nowhere -o j") == ["json", "jsonl"]


def test_it_starts_without_what_it_does_not_need() -> None:
    code = "import sys; from ipcm.cli import main; main(['--help']); print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    loaded = set(run.stdout.splitlines()[-1].split())
    assert "click" in loaded
    assert not loaded & {
        "ipcm.console.grammar",
        "rich",
        "psutil",
        "textual",
        "IPython",
        "sqlite3",
        "asyncio",
    }


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "table"])
def test_what_is_for_programs_is_utf8_in_every_locale(bus: ipcm.Bus, format: str) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = subprocess.run(
        command("call", "store", "search", r'text="\u6f22\u00fc"', "-o", format),
        capture_output=True, timeout=LIMIT, env=environment, check=True,
    )  # fmt: skip
    if format == "table":
        assert run.stdout == b"\\u6f22\\xfc\n"
    else:
        assert "漢ü" in run.stdout.decode()
    if format == "json":
        assert json.loads(run.stdout) == ["漢ü"]
