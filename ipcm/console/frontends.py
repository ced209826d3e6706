"""Front ends that others may bring, found through entry points."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from ipcm._os.interrupt import PATIENCE, deferred
from ipcm.errors import UsageError

__all__ = ["GROUP", "load_frontend"]

GROUP = "ipcm.frontends"


def load_frontend(name: str) -> Callable[..., int]:
    """The front end of this name: takes a bus and `demo=`, returns an exit code.

    Raises:
        UsageError: it is not installed, or what it needs is not; says what to install.
    """
    install = f"pip install 'ipcm[{name}]'"
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise UsageError(f"the {name} is not installed: {install}")
    try:
        # Long, and in code that may swallow an exception which comes out of nowhere.
        with deferred(PATIENCE):
            main: Callable[..., int] = found[0].load()
    except ModuleNotFoundError as error:
        raise UsageError(f"the {name} needs {error.name}, which is missing: {install}") from None
    return main
