"""An IPython in this process, with the magics, and a look at what its cells show."""

from __future__ import annotations

import atexit
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import ipcm
from ipcm.console.live import OneLook
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


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An IPython without a history thread: to make one takes longer than most tests."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    folder = str(tmp_path_factory.mktemp("ipython"))
    made = InteractiveShell.instance(config=config, ipython_dir=folder)
    made.colors = "nocolor"
    made.Completer.use_jedi = False
    try:
        yield made
    finally:
        made.restore_sys_module_state()
        atexit.unregister(made.atexit_operations)
        made.atexit_operations()
        InteractiveShell.clear_instance()


@pytest.fixture
def cells(shell: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cells]:
    """An IPython with `ipcm` loaded, and nobody's names."""
    # Without threads services are forked right here; kernels, which have some, use the launcher.
    monkeypatch.setattr("ipcm.role.launcher.warm", lambda **_: None)
    # Nor is it the patience of a completion that is tested.
    patient = functools.partial(OneLook, patience=15.0)
    monkeypatch.setattr("ipcm.magics.completing.OneLook", patient)
    before = dict(shell.user_ns)
    shell.run_line_magic("load_ext", "ipcm")
    yield Cells(shell)
    shell.run_line_magic("unload_ext", "ipcm")
    for name in set(shell.user_ns) - set(before):
        del shell.user_ns[name]
    shell.displayhook.flush()


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
