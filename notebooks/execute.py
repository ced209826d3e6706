"""Runs the notebooks from top to bottom, each in a fresh kernel, and saves them with outputs.

    python notebooks/execute.py               # all of them
    python notebooks/execute.py 01 --check    # one, without saving it

What tells of the machine (paths, user, times of execution) is taken out of the outputs.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LIMIT = 30.0
"""Seconds that a notebook may take."""


def notebooks() -> list[Path]:
    """All of them, in the order in which one reads them."""
    return sorted(HERE.glob("[0-9][0-9]-*.ipynb"))


def execute(path: Path, scratch: Path) -> Any:
    """Runs a notebook.

    Args:
        scratch: an empty directory for buses and settings, so that nothing of the user's is in
            reach; its path is short, as those of sockets have to be.

    Returns:
        The notebook with its outputs, scrubbed.

    Raises:
        CellExecutionError: a cell failed that was not to fail, or took too long.
    """
    notebook = nbformat.read(path, as_version=4)
    runtime = scratch / "run"
    runtime.mkdir(mode=0o700)
    environment = {
        **os.environ,
        "IPCM_RUNTIME_DIR": str(runtime),
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "jupyter"),
        "PYTHONPATH": str(ROOT),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    environment.pop("IPCM_BUS", None)
    client = NotebookClient(
        notebook,
        timeout=LIMIT,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(HERE)}},
    )
    client.execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [scrub(output, scratch) for output in cell.outputs]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def scrub(value: Any, scratch: Path) -> Any:
    """The value without what tells of the machine, in every text within."""
    if isinstance(value, str):
        return scrub_text(value, scratch)
    if isinstance(value, list):
        return [scrub(each, scratch) for each in value]
    if isinstance(value, dict):
        return nbformat.from_dict({key: scrub(each, scratch) for key, each in value.items()})
    return value


def scrub_text(text: str, scratch: Path) -> str:
    """A text without paths and names of this machine."""
    known = {
        str(scratch / "run"): "~/.run/ipcm",
        str(scratch): "~/.scratch",
        str(ROOT): "~/ipcm",
        sys.prefix: "~/python",
        sys.base_prefix: "~/python",
        str(Path.home()): "~",
    }
    for path in sorted(known, key=len, reverse=True):
        text = text.replace(path, known[path])
    text = re.sub(r"/tmp/ipykernel_\d+/\d+\.py", "<cell>", text)
    return re.sub(rf"\b{re.escape(getpass.getuser())}@[\w.-]+", "user@host", text)


def main() -> int:
    """Runs those whose names begin with what is given, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="beginnings of file names")
    parser.add_argument("--check", action="store_true", help="run them, and save nothing")
    options = parser.parse_args()
    chosen = [
        path
        for path in notebooks()
        if not options.names or path.name.startswith(tuple(options.names))
    ]
    for path in chosen:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="nb") as scratch:
            notebook = execute(path, Path(scratch))
        if not options.check:
            nbformat.write(notebook, path)
        sys.stdout.write(f"{path.name}: {time.monotonic() - started:.1f} s\n")
    return 0 if chosen else 1


if __name__ == "__main__":
    sys.exit(main())
