"""Running the `ipcm` command from outside, and looking at what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ipcm.console.frontends import GROUP
from tests.console.warm import Warm, at_start
from tests.terminals import start_on_terminal

LIMIT = 20.0


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ipcm", *words]


warm: Warm | None = None
"""What a fixture has started, that commands need not all load the same."""


def ipcm_run(*words: str, input: str = "", **settings: Any) -> subprocess.CompletedProcess[str]:
    run: subprocess.CompletedProcess[str]
    if warm is not None and not settings and at_start(dict(os.environ)) == warm.environment:
        run = warm.run(*words, input=input, limit=LIMIT)
    else:
        run = subprocess.run(
            command(*words), capture_output=True, text=True, timeout=LIMIT, input=input,
            check=False, **settings,
        )  # fmt: skip
    assert "Traceback" not in run.stderr, run.stderr
    return run


def rows(*words: str) -> Any:
    """What the command gives as one JSON document."""
    run = ipcm_run(*words, "-o", "json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@contextlib.contextmanager
def running(*words: str, **settings: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL, **settings,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


class Terminal:
    """An `ipcm` command, or another, on a terminal of 100 columns, unless `variables` says
    otherwise.
    """

    def __init__(self, *words: str, program: Sequence[str] | None = None, **variables: str) -> None:
        self.text = ""
        size = {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
        environment = {**os.environ, **size, **variables}
        self.process, self.master = start_on_terminal(program or command(*words), environment)

    def expect(self, part: str) -> None:
        deadline = time.monotonic() + LIMIT
        while part not in self.text:
            left = deadline - time.monotonic()
            assert left > 0 and self._read(left), f"no {part!r} in {self.text!r}"

    def _read(self, timeout: float) -> bool:
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # the other side was closed
            return False
        self.text += piece.decode(errors="replace")
        return bool(piece)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        while self.process.poll() is None:
            self._read(0.05)
        while self._read(0.0):
            pass
        return self.process.wait(LIMIT)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@contextlib.contextmanager
def terminal(*words: str, **variables: str) -> Iterator[Terminal]:
    with contextlib.closing(Terminal(*words, **variables)) as made:
        yield made


def left_behind(home: Path) -> list[str]:
    """Processes that know the place of the buses, and what is in it."""
    found = [str(path) for path in home.iterdir()]
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with contextlib.suppress(OSError):
                if os.fsencode(home) in Path(f"/proc/{entry}/environ").read_bytes():
                    found.append(Path(f"/proc/{entry}/cmdline").read_text())
    return found


def install_front_end(folder: Path, name: str, code: str) -> None:
    """Makes a distribution with one front end."""
    (folder / f"{name}_front_end.py").write_text(code)
    about = folder / f"{name}_front_end-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}-front-end\nVersion: 1.0\n"
    )
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}_front_end:main\n")
