"""What was typed, the next time."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest

from ipcm.shell import history as kept
from ipcm.shell.history import KeptHistory, default_path, secret_patterns


def loaded(path: Path) -> list[str]:
    return list(KeptHistory(path).load_history_strings())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_newest_comes_first(history: Path) -> None:
    one = KeptHistory(history)
    one.store_string("ps")
    one.store_string('request a {\n  "b": 1\n}')
    KeptHistory(history).store_string("ls")
    assert loaded(history) == ["ls", 'request a {\n  "b": 1\n}', "ps"]
    assert mode(history) == 0o600 and mode(history.parent) == 0o700


def test_secrets_are_never_written(history: Path) -> None:
    patterns = [re.compile(r"x-\d+")]
    KeptHistory(history, patterns).store_string("call a login password=hunter2 id=x-123")
    assert "hunter2" not in history.read_text() and "x-123" not in history.read_text()
    assert loaded(history) == ["call a login password=*** id=***"]


def test_what_begins_with_a_space_is_not_kept(history: Path) -> None:
    KeptHistory(history).store_string(" ps")
    assert not history.exists() and loaded(history) == []


def test_a_file_that_others_can_read_becomes_private(history: Path) -> None:
    history.parent.mkdir()
    history.write_text('{"when": 1, "line": "ps"}\nno json\n{"line": 5}\n[]\n')
    history.chmod(0o644)
    assert loaded(history) == ["ps"]
    assert mode(history) == 0o600
    history.chmod(0o644)
    KeptHistory(history).store_string("ls")
    assert mode(history) == 0o600


def test_it_follows_no_link(history: Path, tmp_path: Path) -> None:
    history.parent.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("")
    history.symlink_to(victim)
    KeptHistory(history).store_string("ps")
    assert victim.read_text() == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_history_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    KeptHistory(closed / "history").store_string("ps")


def test_an_old_history_is_cut(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_MOST", 3)
    history.parent.mkdir()
    history.write_text("".join(f'{{"line": "ps {n}"}}\n' for n in range(7)))
    assert loaded(history) == ["ps 6", "ps 5", "ps 4"]
    assert len(history.read_text().splitlines()) == 3 and mode(history) == 0o600
    assert os.listdir(history.parent) == ["history"]


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPCM_HISTORY", "")
    assert default_path() is None
    KeptHistory(None).store_string("ps")
    monkeypatch.delenv("IPCM_HISTORY")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_path() == Path("/state/ipcm/history")
    monkeypatch.setenv("IPCM_SECRETS", "x-[0-9]+")
    assert [each.pattern for each in secret_patterns()] == ["x-[0-9]+"]
    monkeypatch.setenv("IPCM_SECRETS", "(")
    assert secret_patterns() == []


def test_entries_are_one_line_each(history: Path) -> None:
    KeptHistory(history).store_string("a\nb\u2028c")
    (line,) = history.read_text().splitlines()
    assert json.loads(line)["line"] == "a\nb\u2028c"
