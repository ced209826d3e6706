"""Commands of a warm process are those of a cold one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.console import commands
from tests.console.commands import command
from tests.console.warm import Warm


def started() -> Warm:
    assert commands.warm is not None
    return commands.warm


@pytest.mark.parametrize(
    ("words", "input"),
    [
        (("--version",), ""),
        (("ps",), ""),
        (("ls", "-o", "json"), ""),
        (("nonsense",), ""),
        (("eval", "1 +"), ""),
        (("call", "store", "search", "-"), '{"text": "\u4e16"}'),
    ],
)
def test_they_say_and_return_the_same(home: Path, words: tuple[str, ...], input: str) -> None:
    cold = subprocess.run(
        command(*words), input=input, capture_output=True, text=True, timeout=20, check=False
    )
    warm = started().run(*words, input=input, limit=20)
    assert (warm.returncode, warm.stdout, warm.stderr) == (
        cold.returncode, cold.stdout, cold.stderr,
    )  # fmt: skip


def test_one_that_takes_too_long_is_killed_and_the_next_one_runs(bus: object) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        started().run("tail", input="", limit=0.5)
    assert started().run("--version", input="", limit=20).returncode == 0


def test_it_runs_where_and_with_what_the_tests_say(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.py").write_text(
        "import os, ipcm\nprint(os.getcwd(), os.environ['WITH'])\n"
        "class It(ipcm.Service):\n    def run_on_start(self):\n        self.terminate()\n"
    )
    monkeypatch.setenv("WITH", "what")
    run = started().run("run", "here:It", input="", limit=20)
    assert f"{tmp_path} what" in run.stdout, run
