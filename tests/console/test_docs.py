"""The page of the command line says what the verbs say, and what it shows is so."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from ipcm.console.exits import Exit
from ipcm.console.registry import NAMES
from ipcm.console.render import FORMATS

DOCS = Path(__file__).parents[2] / "docs"


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli", DOCS / "make_cli.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_written_from_the_verbs() -> None:
    module = maker()
    page = (DOCS / "cli.md").read_text()
    assert page == module.page(), "run `python docs/make_cli.py`"
    assert re.findall(r"^### (\S+)$", page, re.MULTILINE) == list(NAMES)


def test_every_exit_code_and_format_is_explained() -> None:
    page = (DOCS / "cli.md").read_text()
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert codes == {int(code) for code in Exit}
    assert all(f"| `{name}` |" in page for name in FORMATS)
