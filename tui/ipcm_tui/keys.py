"""Keys as the user wants them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ipcm.console.places import config_directory
from ipcm.errors import UsageError

__all__ = ["config_file", "read_keymap"]


def config_file() -> Path:
    """Where the keys are read from."""
    return config_directory() / "keys.toml"


def read_keymap(path: Path | None = None) -> dict[str, str]:
    """The keys by the ids of their bindings; {} where there is no file.

    The file is TOML: `[keys]`, then lines as `terminate = "ctrl+t"` or `"services.filter" = "f3"`;
    several keys are separated by commas.

    Raises:
        UsageError: it cannot be read; says why.
    """
    path = config_file() if path is None else path
    try:
        with path.open("rb") as file:
            keys = tomllib.load(file).get("keys", {})
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise UsageError(f'{path}: [keys] maps ids of actions to keys, as in help = "f1"')
    return keys
