"""How the console starts, and when it does not."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from ipcm.errors import NoSuchBus, UnsupportedError
from ipcm_tui.app import main


def test_no_bus(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "__stdin__", io.StringIO())  # also where pytest leaves it alone
    with pytest.raises(UnsupportedError):
        main()  # it would list them, had it a terminal
    with pytest.raises(NoSuchBus, match="nowhere"):
        main("nowhere")


def test_a_terminal_that_cannot_be_drawn_on(monkeypatch: Any) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    async def run(*_: Any) -> int:
        return 5

    monkeypatch.setattr("ipcm_tui.app.find_bus", lambda bus: bus)
    monkeypatch.setattr("ipcm_tui.app._run", run)
    for name in ("__stdin__", "__stderr__"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert main("demo") == 5
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(UnsupportedError, match="can be drawn on"):
        main("demo")


def test_no_terminal(monkeypatch: Any) -> None:
    monkeypatch.setattr("ipcm_tui.app.find_bus", lambda bus: bus)
    monkeypatch.setattr(sys, "__stdin__", io.StringIO())
    with pytest.raises(UnsupportedError, match="needs a terminal"):
        main("demo")
