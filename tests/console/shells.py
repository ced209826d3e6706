"""Shells in which `ipcm` is a program that they complete for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.console.commands import LIMIT

__all__ = ["install_program", "printed_by"]


def install_program(folder: Path) -> None:
    """Puts `ipcm` into a folder."""
    program = folder / "ipcm"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ipcm "$@"\n')
    program.chmod(0o700)


def printed_by(shell: list[str], script: str, bus: str, home: Path) -> list[str]:
    """The lines that a script prints; without this shell the test is skipped."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"there is no {shell[0]} here")
    install_program(home)
    run = subprocess.run(
        [*shell, "-c", script], check=False, capture_output=True, text=True, timeout=LIMIT,
        env={
            **os.environ, "IPCM_BUS": bus, "PYTHONPATH": ":".join(sys.path),
            "PATH": f"{home}:{os.environ['PATH']}", "HOME": str(home),
        },
    )  # fmt: skip
    return run.stdout.splitlines()
