"""The notebooks run from top to bottom, show what they say, and leave nothing behind."""

from __future__ import annotations

import importlib.util
import os
import re
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.helpers import wait_until
from tests.magics.kernels import processes_of

nbformat: Any = pytest.importorskip("nbformat")
pytest.importorskip("nbclient", reason="the notebooks are run with nbclient")

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

# What a reader sees of each, in this order.
SHOWN = {
    "01-first-service": (
        "greet(name: str, loud: bool = False) -> str",
        "Hello, Ada",
        "HELLO, GRACE!",
        "[['Ada', 3], ['Grace', 1], ['Alan', 1]]",
        "Hello, Edsger",
        "Whom it has greeted most",
        "greeter => ",
        "add --capture titles",
        "Hello, Admiral Grace",
        "asked for Grace",
        "ended",
    ),
    "02-watching-a-pipeline": (
        "<Bus 'pipeline'",
        "indexer",
        "came and left",
        "indexer-worker-",
        "probe -> store",
        "request",
        "Finds text files",
        ".py",
        "files_indexed",
        "asked by",
        "(True, 0)",
        "no bus is running",
    ),
    "03-workers-and-signals": (
        "crash() -> int",
        "below-1000000",
        "SIGHUP",
        "['SIGHUP', 'SIGHUP', 'SIGUSR1']",
        "ZeroDivisionError",
        "1000000 has 78498 primes below it",
        "'crash': 1",
        "'SIGHUP': (2, 2)",
        "the worker has ended too",
    ),
    "04-failure": (
        "ZeroDivisionError: division by zero",
        "Expected `int`, got `str`",
        "here are: fragile",
        "no answer from 'fragile' within 0.2 s",
        "busy",
        "'fragile' left the bus or died",
        "killed by signal 9",
        "it is there again",
        "KeyError: 'hard'",
        "ended",
    ),
    "05-asyncio-and-endpoints": (
        "shelf: Literal['left', 'right'] = 'left'",
        "Literate Programming",
        "$.book.year",
        'one of "left", "right"',
        "(100, 'page 99', 'together')",
        "given up",
        "page 2",
        "'in request find'",
        "ended",
    ),
}


def execute_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks_execute", FOLDER / "execute.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(notebook: Any) -> str:
    """All that the outputs say, without colours."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            parts.append(output.get("text", ""))
            parts.append("\n".join(output.get("traceback", ())))
            parts.append(output.get("data", {}).get("text/plain", ""))
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(parts))


def ends_of(notebook: Any) -> list[list[str]]:
    """How each cell ended: with a value, an error, or neither.

    What goes on in the background may tell of itself in one cell or in the next.
    """
    return [
        [
            each.output_type
            for each in cell.outputs
            if each.output_type in ("execute_result", "error")
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def check_shown(name: str, notebook: Any) -> None:
    text, at = text_of(notebook), 0
    for part in SHOWN[name]:
        found = text.find(part, at)
        assert found >= 0, f"{part!r} is not shown, or not behind what comes before it"
        at = found


def test_there_are_five() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(SHOWN)


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    "path",
    # One shows that they run; the others take their time.
    [NOTEBOOKS[0], *(pytest.param(path, marks=pytest.mark.slow) for path in NOTEBOOKS[1:])],
    ids=lambda path: path.stem,
)
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_core.utils import ensure_event_loop

    # Who starts a kernel looks there, too, and makes it where it is not.
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    started = time.monotonic()
    try:
        notebook = execute_module().execute(path, tmp_path)
    finally:
        ensure_event_loop().close()
    # Ten seconds, on a machine that does nothing else.
    assert time.monotonic() - started < 100.0
    check_shown(path.stem, notebook)
    assert ends_of(notebook) == ends_of(nbformat.read(path, as_version=4))
    wait_until(lambda: not processes_of(tmp_path))
    assert not os.listdir(tmp_path / "run")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_saved_as_it_runs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    check_shown(path.stem, notebook)
    saved = path.read_text()
    for private in ("/tmp/", "/root", "/home/", "site-packages", "ipykernel_"):
        assert private not in saved
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.execution_count is not None
            failed = any(output.output_type == "error" for output in cell.outputs)
            assert not failed or "raises-exception" in cell.metadata.get("tags", ())


@pytest.mark.parametrize("name", ["01-first-service", "02-watching-a-pipeline"])
def test_the_live_view_is_saved_as_a_picture(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    view = next(cell for cell in notebook.cells if cell.source.startswith("%ipcm watch"))
    (output,) = view.outputs
    assert output.data["text/html"].count("<svg") == 2
    assert "latency" in output.data["text/plain"]
