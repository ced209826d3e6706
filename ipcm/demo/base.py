"""What the demo's services have in common."""

from __future__ import annotations

import os
from typing import Any

from ipcm._os import stdio
from ipcm.role.callbacks import Service

__all__ = ["DemoService"]


class DemoService(Service):
    """A service that people poke at: no bad message ends it, errors are told in full, and its
    output goes to a file, since the screen belongs to whoever started it.

    Args:
        log: file that stdout and stderr are appended to.
        params: as for `Service`.
    """

    intercept_errors = True
    expose_error_details = True

    def __init__(self, *, log: str = os.devnull, **params: Any) -> None:
        # Without the original stderr `debug` writes to the file, too.
        super().__init__(**{**params, "orig_io": params.get("orig_io") or {}})
        self._log = log

    def redirect(self) -> None:
        """See `Hooks.redirect`."""
        out = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            stdio.detach_input()
            stdio.redirect(stdout=out, stderr=out)
        finally:
            os.close(out)
