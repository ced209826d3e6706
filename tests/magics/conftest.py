"""An IPython in this process, with the magics, and a look at what its cells show."""

from __future__ import annotations

import atexit
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ipcm
from tests.console.conftest import Probe, Store

IPython = pytest.importorskip("IPython")


@dataclasses.dataclass
class Ran:
    """What running a cell did.

    Attributes:
        out, err: what it wrote. shown: display data, each a dict from MIME type to data.
        value: of its last expression. error: what it raised, or None.
    """

    out: str
    err: str
    shown: list[dict[str, Any]]
    value: Any
    error: BaseException | None

    @property
    def text(self) -> str:
        """All that a terminal would show."""
        return self.out + "".join(str(each.get("text/plain", "")) for each in self.shown)

    @property
    def html(self) -> str:
        return "".join(str(each.get("text/html", "")) for each in self.shown)


class Cells:
    """Runs cells in an InteractiveShell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    def run(self, source: str) -> Ran:
        from IPython.utils.capture import capture_output

        with capture_output() as captured:
            result = self.shell.run_cell(source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
        shown = [each.data for each in captured.outputs]
        return Ran(captured.stdout, captured.stderr, shown, result.result, error)

    def __call__(self, source: str) -> Ran:
        """Runs a cell that must not fail."""
        ran = self.run(source)
        assert ran.error is None, ran.out + ran.err
        return ran


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cells]:
    """A fresh IPython without a history thread, `ipcm` loaded."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    # Without threads services are forked right here; kernels, which have some, use the launcher.
    monkeypatch.setattr("ipcm.role.launcher.warm", lambda: None)
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    shell.colors = "nocolor"
    shell.Completer.use_jedi = False
    try:
        shell.run_line_magic("load_ext", "ipcm")
        yield Cells(shell)
        shell.run_line_magic("unload_ext", "ipcm")
    finally:
        shell.restore_sys_module_state()
        atexit.unregister(shell.atexit_operations)
        shell.atexit_operations()
        InteractiveShell.clear_instance()


@pytest.fixture
def bus() -> Iterator[ipcm.Bus]:
    """A bus with the services `store` and `probe`, made before IPython has threads."""
    with (
        ipcm.spawn("here") as made,
        ipcm.service("store", Store, bus=made, expose_error_details=True),
        ipcm.service("probe", Probe, bus=made, interval=0.05, on_sig={"HUP": lambda *_: None}),
    ):
        yield made


@pytest.fixture
def quiet_bus() -> Iterator[ipcm.Bus]:
    """A bus that nobody is on."""
    with ipcm.spawn("quiet") as made:
        yield made


Run = Callable[[str], Ran]
