"""Imports that another thread was in the middle of."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any

from ipcm._os.reset.relics import bury

__all__ = ["forget_unfinished_imports"]


def forget_unfinished_imports() -> None:
    """Half a module is no module, and who imports it would wait for the other thread for ever."""
    # Private to CPython, which gives a child a new lock for all imports, and keeps those of
    # single modules.
    machinery: Any = importlib._bootstrap
    me = threading.get_ident()
    for name, reference in list(machinery._module_locks.items()):
        lock = reference()
        if lock is None or lock.owner is None or lock.owner == me:
            continue
        bury(lock)
        del machinery._module_locks[name]
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None)
        if getattr(spec, "_initializing", False):
            bury(module)
            del sys.modules[name]
