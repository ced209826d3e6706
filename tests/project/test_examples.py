"""Every Python block of the documentation runs, page by page, in order."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ipcm

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(<!-- not run: .*? -->\n+)?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

RUNNER = """
import doctest, sys
blocks = open(sys.argv[1], encoding="utf-8").read().split("\\0")
names = {"__name__": "__main__"}
for number, block in enumerate(blocks):
    if block.lstrip().startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(block, names, f"block {number}", None, None)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(test, clear_globs=False)
        names.update(test.globs)
        if runner.failures:
            sys.exit(1)
    else:
        exec(compile(block, f"block {number}", "exec"), names)
"""


def blocks(page: Path) -> list[str]:
    """Those that are to be run; one that cannot be says why, in a comment before it."""
    return [code for skip, code in BLOCK.findall(page.read_text(encoding="utf-8")) if not skip]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem
)
def test_its_examples_run(page: Path, tmp_path: Path) -> None:
    listing = tmp_path / "blocks"
    listing.write_text("\0".join(blocks(page)), encoding="utf-8")
    script = tmp_path / "example.py"
    script.write_text(RUNNER)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(listing)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_has_both_commands() -> None:
    text = (ROOT / "README.md").read_text()
    for command in ("main job", "tests"):
        assert len(re.findall(rf"<!-- command: {command} -->\n```sh\n.+\n```", text)) == 1


def test_the_page_of_public_names_has_all_of_them() -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    named = set(re.findall(r":: ipcm\.(\w+)$", page, re.MULTILINE))
    for module in re.findall(r"automodule:: (\S+)$", page, re.MULTILINE):
        named.update(importlib.import_module(module).__all__)
    assert set(ipcm.__all__) - {"__version__"} <= named
