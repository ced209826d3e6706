"""Where buses live: in the best place that there is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

import ipcm
from ipcm.transports import runtime


def test_a_place_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(tmp_path / "missing" / "place"))
    with pytest.raises(FileNotFoundError, match="missing/place"):
        runtime.home()
    with pytest.raises(FileNotFoundError):
        ipcm.spawn()
    assert ipcm.buses() == []


def test_the_next_place_is_taken_where_the_best_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    places = [tmp_path / "missing" / "place", tmp_path / "other"]
    monkeypatch.setattr(runtime, "homes", lambda: places)
    assert runtime.home() == places[1]
    assert stat.S_IMODE(places[1].stat().st_mode) == 0o700


def test_a_place_that_is_not_private_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    monkeypatch.setattr(runtime, "homes", lambda: [tmp_path / "open", tmp_path / "other"])
    with pytest.raises(ipcm.InsecureDirectory, match="chmod 700"):
        runtime.home()
    (tmp_path / "file").touch()
    monkeypatch.setattr(runtime, "homes", lambda: [tmp_path / "file"])
    with pytest.raises(ipcm.InsecureDirectory, match="not a directory"):
        runtime.home()
