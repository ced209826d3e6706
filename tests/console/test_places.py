"""Where files of the user are."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import NoReturn

import pytest

from ipcm.console.places import config_directory, state_directory


def test_they_lie_below_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/users/me")
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, "")
    assert config_directory() == Path("/users/me/.config/ipcm")
    assert state_directory() == Path("/users/me/.local/state/ipcm")


def test_or_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/users/me")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/mine")
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    assert config_directory() == Path("/etc/mine/ipcm")
    assert state_directory() == Path("/users/me/.local/state/ipcm")


def test_who_has_no_home_has_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: object) -> NoReturn:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert config_directory() == Path("/.config/ipcm")
    assert state_directory() == Path("/.local/state/ipcm")
