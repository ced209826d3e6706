"""Which service this process is, so that `ipcm.service` and `ipcm.worker` know where they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipcm.role.role import ServiceRole

__all__ = ["current_service", "enter_service", "leave_service"]

_current: tuple[int, ServiceRole] | None = None


def current_service() -> ServiceRole | None:
    """The service whose loop this process runs; None elsewhere, in its workers too."""
    if _current is None or _current[0] != os.getpid():
        return None
    return _current[1]


def enter_service(service: ServiceRole) -> tuple[int, ServiceRole] | None:
    """From now on this process is the service; returns what `leave_service` puts back."""
    global _current
    before, _current = _current, (os.getpid(), service)
    return before


def leave_service(before: tuple[int, ServiceRole] | None) -> None:
    """Undoes `enter_service`."""
    global _current
    _current = before
