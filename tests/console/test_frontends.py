"""Front ends found through entry points, or a word on what to install."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ipcm.console.frontends import load_frontend
from ipcm.errors import UsageError
from tests.console.commands import install_front_end


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_a_front_end_is_found(folder: Path) -> None:
    install_front_end(
        folder,
        "tried",
        "def main(bus, *, demo=False, read_only=False):\n    return 7 if demo else 5\n",
    )
    assert load_frontend("tried")(None, demo=True) == 7


def test_one_that_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"pip install 'ipcm\[nowhere\]'"):
        load_frontend("nowhere")


def test_what_it_needs_and_is_missing_is_named(folder: Path) -> None:
    install_front_end(folder, "needy", "import a_module_that_nobody_has\n")
    with pytest.raises(UsageError, match="a_module_that_nobody_has") as caught:
        load_frontend("needy")
    assert "pip install 'ipcm[needy]'" in str(caught.value)
