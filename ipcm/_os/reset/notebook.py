"""IPython and its kernel, where this process was forked by one: the child is neither."""

from __future__ import annotations

import builtins
import inspect
import sys
from typing import Any, Final

from ipcm._os.reset.relics import bury

__all__ = ["in_notebook", "leave_notebook"]

_SINGLETONS: Final = (
    ("IPython.core.interactiveshell", "InteractiveShell"),
    ("ipykernel.kernelbase", "Kernel"),
    ("ipykernel.kernelapp", "IPKernelApp"),
)


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel: what it writes to 1 and 2 comes into cells."""
    kind: Any = getattr(sys.modules.get("ipykernel.kernelbase"), "Kernel", None)
    return getattr(kind, "_instance", None) is not None


def leave_notebook() -> None:
    """Detaches history, display, input and the shell itself; touches no socket of theirs."""
    for module, name in _SINGLETONS:
        kind: Any = getattr(sys.modules.get(module), name, None)
        instance = getattr(kind, "_instance", None)
        if instance is None:
            continue
        bury(instance)
        _detach_history(getattr(instance, "history_manager", None))
        type(instance).clear_instance()
    if sys.displayhook is not sys.__displayhook__:
        bury(sys.displayhook)
        sys.displayhook = sys.__displayhook__
    if sys.excepthook is not sys.__excepthook__:
        bury(sys.excepthook)
        sys.excepthook = sys.__excepthook__
    if not inspect.isbuiltin(builtins.input):
        bury(builtins.input)
        builtins.input = _input


def _detach_history(history: Any) -> None:
    """The database is the starter's (sqlite3 must not cross a fork), and its writer a thread."""
    if history is None:
        return
    history.enabled = False
    stand_in = getattr(sys.modules.get("IPython.core.history"), "DummyDB", None)
    if stand_in is not None:
        bury(history.db)
        history.db = stand_in()


def _input(prompt: object = "", /) -> str:
    """Reads a line from sys.stdin; the notebook's own asks its front end."""
    sys.stdout.write(str(prompt))
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.rstrip("\n")
