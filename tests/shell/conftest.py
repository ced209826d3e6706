"""The bus of the console's tests, and a history that belongs to one test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.conftest import bus, home

__all__ = ["bus", "history", "home"]


@pytest.fixture(autouse=True)
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the shell keeps what is typed."""
    path = tmp_path / "state" / "history"
    monkeypatch.setenv("IPCM_HISTORY", str(path))
    # Services that stand still for a moment are not what is tested.
    monkeypatch.setattr("ipcm.shell.feed._SETTLE", 15.0)
    for name in ("IPCM_ASK", "IPCM_SECRETS"):
        monkeypatch.delenv(name, raising=False)
    return path
