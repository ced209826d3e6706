"""Where buses live: in the best place that there is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import ipcm
from ipcm.transports import runtime


def test_a_place_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(tmp_path / "missing" / "place"))
    with pytest.raises(ipcm.BusError, match=r"missing/place \(No such file.* IPCM_RUNTIME_DIR"):
        runtime.home()
    with pytest.raises(ipcm.BusError, match="no place for a bus"):
        ipcm.spawn()
    assert ipcm.buses() == []


def test_the_temporary_directory_comes_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("IPCM_RUNTIME_DIR")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    usual = Path("/tmp") / f"ipcm-{os.geteuid()}"
    for temporary in ("", "/tmp", str(tmp_path / "missing")):
        monkeypatch.setenv("TMPDIR", temporary)
        assert runtime.homes() == [tmp_path / "ipcm", usual]
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert runtime.homes() == [tmp_path / "ipcm", usual, tmp_path / usual.name]


def test_a_place_that_nothing_can_be_made_in_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    places = [tmp_path / "read-only", tmp_path / "other"]
    places[0].mkdir(mode=0o700)
    # Root may write everywhere but where the file system is read-only.
    monkeypatch.setattr(os, "access", lambda path, mode: path != places[0])
    monkeypatch.setattr(runtime, "homes", lambda: places)
    assert runtime.home() == places[1]
    monkeypatch.setattr(runtime, "homes", lambda: places[:1])
    with pytest.raises(ipcm.BusError, match="nothing can be made in it"):
        runtime.home()


def test_a_place_that_cannot_be_looked_into_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # As the runtime directory of another user is, which su and sudo may leave in the environment.
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(tmp_path / "file" / "place"))
    (tmp_path / "file").touch()
    assert ipcm.buses() == []
    with pytest.raises(ipcm.BusError, match=r"looked for in .*place \(Not a directory\)"):
        ipcm.attach("anybody")
    places = [*runtime.homes(), tmp_path / "missing"]
    monkeypatch.setattr(runtime, "homes", lambda: places)
    with pytest.raises(ipcm.NoSuchBus):
        ipcm.attach("anybody")


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


def test_a_place_behind_a_link_is_the_one_that_the_system_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "there" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "there" / "deep")
    monkeypatch.setenv("IPCM_RUNTIME_DIR", f"{tmp_path}/link/../place")
    with ipcm.spawn():
        assert os.listdir(tmp_path / "there" / "place")


def test_a_bus_in_a_relative_place_is_found_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPCM_RUNTIME_DIR", "here")
    with ipcm.spawn() as bus:
        monkeypatch.chdir(tmp_path / "elsewhere")
        with ipcm.connect("me", bus.info) as client:
            assert client.peers() == []
