"""What the demo's services have in common."""

from __future__ import annotations

from ipcm.role.callbacks import Service

__all__ = ["DemoService"]


class DemoService(Service):
    """A service that people poke at: no bad message ends it, and errors are told in full."""

    intercept_errors = True
    expose_error_details = True
