"""What TAB does in zsh."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ipcm
from tests.console.commands import LIMIT

SCRIPT = """
compdef() {}
_describe() { print -rl -- "${(P@)3}" "${@[4,-1]}" }
eval "$(_IPCM_COMPLETE=zsh_source ipcm)"
words=(ipcm call store search te) CURRENT=5 _ipcm_completion
words=(ipcm call a) CURRENT=3 _ipcm_completion
words=(ipcm ps --sort=c) CURRENT=3 _ipcm_completion
"""


def test_no_space_behind_what_goes_on(bus: ipcm.Bus, tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("there is no zsh here")
    program = tmp_path / "ipcm"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ipcm "$@"\n')
    program.chmod(0o700)
    with ipcm.service("a:b", ipcm.EchoService, bus=bus):
        run = subprocess.run(
            ["zsh", "-f", "-c", SCRIPT], check=False, capture_output=True, text=True,
            timeout=LIMIT, env={
                **os.environ, "IPCM_BUS": bus.name, "PYTHONPATH": ":".join(sys.path),
                "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path),
            },
        )  # fmt: skip
    # The values as zsh takes them, then how they are added: with nothing behind, or a space.
    assert run.stdout.splitlines() == [
        "text=:string, required", "-U", "-S", "",
        "a\\:b:service", "-U",
        "--sort=cpu:", "-U",
    ]  # fmt: skip
