"""What TAB does in fish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ipcm
from tests.console.commands import LIMIT


def test_values_and_descriptions_are_whole(bus: ipcm.Bus, tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("there is no fish here")
    program = tmp_path / "ipcm"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ipcm "$@"\n')
    program.chmod(0o700)
    script = (
        "_IPCM_COMPLETE=fish_source ipcm | source; "
        "complete -C 'ipcm call a'; complete -C 'ipcm describe store sea'; complete -C 'ipcm ben'; "
        "complete -C 'ipcm ps --sort=c'"
    )
    with ipcm.service("a,b", ipcm.EchoService, bus=bus):
        run = subprocess.run(
            ["fish", "--no-config", "-c", script], check=True, capture_output=True, text=True,
            timeout=LIMIT, env={
                **os.environ, "IPCM_BUS": bus.name, "PYTHONPATH": ":".join(sys.path),
                "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path),
            },
        )  # fmt: skip
    assert run.stdout.splitlines() == [
        "a,b\tservice",
        "search\tFinds what it is told to find.",
        "bench\tMeasure how fast it is on this machine, beside what one would use instead",
        "--sort=cpu",
    ]
