"""What was sent before, kept from one run to the next."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, Final

from ipcm.console.redaction import sounds_secret
from ipcm_tui.models.compose import Draft

__all__ = ["History"]

_MOST: Final = 500


class History:
    """Drafts, the newest last. What looks like a secret is not written down.

    Args:
        path: of the file; None keeps them in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.drafts: list[Draft] = []
        if path is not None:
            self._load(path)

    def add(self, draft: Draft) -> None:
        """Remembers what was sent; the same once more moves to the end."""
        self.drafts = [each for each in self.drafts if each != draft][-_MOST + 1 :]
        self.drafts.append(draft)
        if self._path is not None:
            # A full or read-only disk is no reason not to send a request.
            with contextlib.suppress(OSError):
                self._write(self._path)

    def _load(self, path: Path) -> None:
        with contextlib.suppress(OSError, UnicodeError):
            for line in path.read_text(encoding="utf-8").splitlines()[-_MOST:]:
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    each = json.loads(line)
                    words = (each["peer"], each["endpoint"], each["body"])
                    if all(isinstance(word, str) for word in words):
                        self.drafts.append(Draft(*words))

    def _write(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [
            json.dumps(
                {"peer": each.peer, "endpoint": each.endpoint, "body": without_secrets(each.body)},
                ensure_ascii=False,
            )
            for each in self.drafts
        ]
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        # At once, so that two consoles do not write into each other.
        os.replace(fresh, path)


def without_secrets(body: str) -> str:
    """JSON with `"..."` in place of values whose names sound secret; other text as it is."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body
    clean = _clean(value)
    return body if clean == value else json.dumps(clean, ensure_ascii=False)


def _clean(value: Any, secret: str = "") -> Any:
    """The value without those below a name that sounds secret, or all, below such a name."""
    if isinstance(value, dict):
        return {
            key: _clean(each, key if sounds_secret(key) else secret) for key, each in value.items()
        }
    if isinstance(value, list):
        return [_clean(each, secret) for each in value]
    if not secret or value is None or isinstance(value, bool):
        return value
    # Numbers are PINs and the like, but of tokens they say how many.
    return "..." if isinstance(value, str) or "token" not in secret.lower() else value
