"""Where programs of this user keep their files (XDG base directory specification)."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["config_directory", "state_directory"]


def config_directory() -> Path:
    """The directory of what the user has set."""
    return _directory("XDG_CONFIG_HOME", ".config")


def state_directory() -> Path:
    """The directory of what is remembered from one run to the next."""
    return _directory("XDG_STATE_HOME", ".local/state")


def _directory(variable: str, usual: str) -> Path:
    base = os.environ.get(variable, "")
    if not os.path.isabs(base):  # also "": the specification has both ignored
        home = os.path.expanduser("~")
        # A user that the system does not know, as in containers, has none: what is looked for at
        # the root is not there, and what is written there is refused.
        base = os.path.join(home if os.path.isabs(home) else "/", usual)
    return Path(base) / "ipcm"
