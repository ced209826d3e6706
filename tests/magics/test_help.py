"""`%ipcm?` and `%ipcm VERB?`, from the same definitions as everything else."""

from __future__ import annotations

import pytest

from ipcm.magics.help import rewrite_help
from tests.magics.conftest import Cells


@pytest.mark.parametrize("line", ["%ipcm", "%ipcm -h", "%ipcm --help", "%ipcm?", "%ipcm help"])
def test_the_overview_lists_every_verb(cells: Cells, line: str) -> None:
    out = cells(line).out
    for verb in ("attach", "detach", "ls", "ps", "tail", "request", "call", "kill"):
        assert f"    {verb} " in out
    assert "tui" not in out


@pytest.mark.parametrize(
    "line", ["%ipcm ps?", "%ipcm ps??", "?%ipcm ps", "%ipcm ps --help", "%ipcm help ps"]
)
def test_the_help_of_a_verb(cells: Cells, line: str) -> None:
    out = cells(line).out
    assert "Usage: %ipcm ps" in out
    assert "--sort" in out
    assert "%ipcm ps --sort cpu" in out


def test_help_behind_a_line_begun(cells: Cells) -> None:
    assert "SERVICE" in cells("%ipcm signal store HUP?").out


def test_help_of_what_only_a_notebook_has(cells: Cells) -> None:
    assert "Usage: %%ipcm service" in cells("%ipcm help service").out


def test_help_of_no_verb(cells: Cells) -> None:
    for line in ("%ipcm psx?", "%ipcm help psx"):
        assert "did you mean 'ps'" in cells.run(line).err


def test_other_questions_are_left_alone() -> None:
    lines = ["%time?\n", "ipcm?\n", "%ipcm?\n", "x = 1\n"]
    assert rewrite_help(lines) == lines
