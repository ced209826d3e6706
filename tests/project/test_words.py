"""The project speaks of itself alone, and keeps its files short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("ipcm", "tui", "tests", "docs", "notebooks", ".ci")
MOST_LINES = 500


def texts() -> Iterator[tuple[Path, str]]:
    """Every text of the project."""
    files = [path for place in PLACES for path in (ROOT / place).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.suffix in (".md", ".toml")]
    for path in files:
        if "_build" in path.parts or "__pycache__" in path.parts:
            continue
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_no_path_of_the_machine_it_was_written_on() -> None:
    home = re.compile(r"/(?:root|home/[a-z]+|work)/(?!\.\.\.)[\w.]")
    found = [f"{path}: {hit[0]}" for path, text in texts() if (hit := home.search(text))]
    assert found == []


def test_no_file_of_more_than_500_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path, text in texts()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in ("ipcm", "tui")
        and (lines := text.count("\n")) > MOST_LINES
    }
    assert long == {}


def test_what_is_marked_as_to_do_is_done() -> None:
    mark = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    found = [f"{path}: {hit[0]}" for path, text in texts() if (hit := mark.search(text))]
    assert found == []
