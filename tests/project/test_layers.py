"""What loads what, seen at run time: the linter sees the words, this sees the effect."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

import ipcm
import ipcm._core

FRONT_ENDS = ("textual", "IPython", "prompt_toolkit", "click", "rich", "psutil", "asyncio")
IMPURE = ("os", "socket", "select", "time", "threading", "subprocess", "signal", "random")


def loaded_by(code: str) -> set[str]:
    """Modules that a fresh interpreter has after some code, but not before it."""
    script = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    command = [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path!r}; {script}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return set(done.stdout.split())


def core_modules() -> Iterator[str]:
    for module in pkgutil.iter_modules(ipcm._core.__path__, "ipcm._core."):
        yield module.name


def test_importing_ipcm_loads_next_to_nothing() -> None:
    loaded = loaded_by("import ipcm")
    assert not loaded.intersection(FRONT_ENDS)
    assert {name for name in loaded if name.startswith("ipcm")} == {"ipcm"}


def test_starting_a_service_loads_no_front_end() -> None:
    code = "import ipcm; ipcm.service, ipcm.Service, ipcm.Handle, ipcm.Bus, ipcm.Observer"
    assert not loaded_by(code).intersection(FRONT_ENDS)


@pytest.mark.parametrize("name", core_modules())
def test_the_core_imports_nothing_that_acts(name: str) -> None:
    source = __import__(name, fromlist=["_"]).__file__
    assert source is not None
    with open(source, encoding="utf-8") as file:
        words = [line.split() for line in file if line.startswith(("import ", "from "))]
    imported = {word[1].partition(".")[0] for word in words}
    assert not imported.intersection(IMPURE)


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    assert len(set(ipcm.__all__)) == len(ipcm.__all__)
    assert set(ipcm.__all__) <= set(ipcm._HOME)
    for name in ipcm.__all__:
        thing = getattr(ipcm, name)
        assert name in dir(ipcm)
        if isinstance(thing, type) or callable(thing):
            assert thing.__doc__, name


def test_no_public_function_has_the_name_of_a_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(ipcm.__path__)}
    functions = {name for name in ipcm.__all__ if not isinstance(getattr(ipcm, name), type)}
    assert not modules.intersection(functions)
