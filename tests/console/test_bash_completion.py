"""What TAB does in bash."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipcm
from tests.console.commands import Terminal
from tests.console.conftest import Store
from tests.console.shells import install_program

NAME = "it's é x,"


@pytest.fixture
def bash(bus: ipcm.Bus, tmp_path: Path) -> Iterator[Terminal]:
    """A bash that has the completion."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    install_program(tmp_path)
    (tmp_path / "only-here.json").touch()
    (tmp_path / "only-there").mkdir()
    with ipcm.service(NAME, Store, bus=bus):
        terminal = Terminal(
            program=["bash", "--norc", "--noprofile", "-i"], TERM="dumb", COLUMNS="200",
            LC_ALL="C.UTF-8", PS1="$ ", IPCM_BUS=bus.name, PYTHONPATH=":".join(sys.path),
        )  # fmt: skip
        try:
            terminal.type(f"cd {tmp_path}; PATH={tmp_path}:$PATH; bind 'set bell-style none'\r")
            terminal.type('eval "$(_IPCM_COMPLETE=bash_source ipcm)"; echo "begin"ning\r')
            terminal.expect("beginning")
            yield terminal
        finally:
            terminal.close()


def test_tab(bash: Terminal) -> None:
    for typed, completed in (
        ("ipcm termi", "ipcm terminate "),
        ("ipcm call st", "ipcm call store "),
        ("ipcm call store search t", "ipcm call store search text="),
        ("ipcm call store search text=x limit:=", "ipcm call store search text=x limit:=1 "),
        ("ipcm ps --sort=na", "ipcm ps --sort=name "),
        ("ipcm ps --sort na", "ipcm ps --sort name "),
        ("ipcm ps --filter 'state=busy and err", "ipcm ps --filter 'state=busy and errors'"),
        ("ipcm call it", "ipcm call it\\'s\\ é\\ x, "),
        ("ipcm call it\\'s", "ipcm call it\\'s\\ é\\ x, "),
        ('ipcm call "it', f'ipcm call "{NAME}" '),
        (f'ipcm describe "{NAME}" sea', f'ipcm describe "{NAME}" search '),
        ("ipcm request store @only-h", "ipcm request store @only-here.json "),
        ("ipcm request store @only-t", "ipcm request store @only-there/"),
        ("ipcm demo only-", "ipcm demo only-there/"),
        ("ipcm tial ", "ipcm tial "),
        ("echo; ipcm -b here sig", "echo; ipcm -b here signal "),
    ):
        bash.text = ""
        bash.type(f"\x15{typed}\t!")
        bash.expect(f"{completed}!")
        assert "Traceback" not in bash.text
