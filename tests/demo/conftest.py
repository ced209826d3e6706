"""What tests of the whole demo stand on."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from ipcm.demo import run as run_module
from ipcm.demo.indexer import Indexer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passes that follow each other at once."""
    monkeypatch.setattr(run_module, "Indexer", functools.partial(Indexer, rest=0.05))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    return tree
