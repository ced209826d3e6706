"""The launcher of services: a process without threads that forks them for one that has some."""

from __future__ import annotations

from typing import Final

from ipcm._os.launcher.starter import end_launcher, launcher_pid, warm_launcher

__all__ = ["MODULES", "cool", "launcher_pid", "warm"]

MODULES: Final = (
    "ipcm.role.become",
    "ipcm.role.callbacks",
    "ipcm.role.handle",
    "ipcm.role.peer",
    "ipcm.role.source",
    "ipcm.serializers.msgpack",
    "ipcm.transports.unix.transport",
)
"""What every service needs: the launcher has it before it is asked."""


def warm(*, pin: bool = True) -> None:
    """Starts the launcher ahead of its first use; returns at once.

    Args:
        pin: it stays until `cool`, or the end of this process; else until the last service
            that it started has ended.

    Raises:
        OSError: no process to be had.
    """
    warm_launcher(MODULES, pin=pin)


def cool() -> None:
    """Ends the launcher, if there is one; services that it started live on.

    How they exit is not told then.
    """
    end_launcher()
