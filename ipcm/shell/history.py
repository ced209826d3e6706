"""What was typed, kept for the next time: for this user's eyes, and without secrets."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prompt_toolkit.history import History

from ipcm.console.places import state_directory
from ipcm.console.redaction import redact

__all__ = ["KeptHistory", "default_path", "secret_patterns"]

_MOST: Final = 10_000
_LOADED: Final = 2_000
_PRIVATE: Final = 0o600


def default_path() -> Path | None:
    """`IPCM_HISTORY`, else a file among what is remembered; None where it is set and empty."""
    named = os.environ.get("IPCM_HISTORY")
    if named is not None:
        return Path(os.path.expanduser(named)) if named else None
    return state_directory() / "history"


def secret_patterns() -> list[re.Pattern[str]]:
    """Those of the user: `IPCM_SECRETS`, a regular expression; one that is none hides nothing."""
    with contextlib.suppress(re.error):
        if pattern := os.environ.get("IPCM_SECRETS"):
            return [re.compile(pattern)]
    return []


class KeptHistory(History):
    """A history in a file that only its owner can read: one JSON object a line.

    A line that begins with a space is not kept. Several shells may append to the same file.

    Args:
        path: None to keep nothing.
        patterns: of further secrets, see `redact`.
    """

    def __init__(self, path: Path | None, patterns: Iterable[re.Pattern[str]] = ()) -> None:
        super().__init__()
        self._path = path
        self._patterns = tuple(patterns)

    def load_history_strings(self) -> Iterable[str]:
        """See prompt_toolkit: the newest first."""
        if self._path is None:
            return []
        try:
            self._path.chmod(_PRIVATE)
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []  # there is none yet, or it cannot be read: then there is nothing to offer
        if len(lines) > 2 * _MOST:
            lines = lines[-_MOST:]
            self._rewrite(lines)
        return [text for line in reversed(lines[-_LOADED:]) if (text := _read(line))]

    def store_string(self, string: str) -> None:
        """See prompt_toolkit."""
        if self._path is None or string.startswith(" "):
            return
        line = json.dumps({"when": round(time.time()), "line": redact(string, self._patterns)})
        # A shell whose history cannot be written is still a shell.
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(self._path, flags, _PRIVATE)
            try:
                os.fchmod(fd, _PRIVATE)
                os.write(fd, line.encode() + b"\n")
            finally:
                os.close(fd)

    def _rewrite(self, lines: list[str]) -> None:
        assert self._path is not None
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
            with open(fd, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
            fresh.replace(self._path)


def _read(line: str) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    text = entry.get("line") if isinstance(entry, dict) else None
    return text if isinstance(text, str) else None
