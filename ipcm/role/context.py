"""Which service this process is, so that `ipcm.service` and `ipcm.worker` know where they are."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, NamedTuple

from ipcm.errors import UnsupportedError

if TYPE_CHECKING:
    from ipcm.role.role import ServiceRole

__all__ = [
    "become_worker",
    "current_service",
    "current_worker",
    "enter_service",
    "forking_service",
    "leave_service",
]


class WorkerPlace(NamedTuple):
    """Where a worker is: its process, its name, and whose it is."""

    pid: int
    name: str
    service: str


class _Thread(threading.local):
    current: tuple[int, ServiceRole] | None = None


_process: tuple[int, ServiceRole] | None = None
_worker: WorkerPlace | None = None
_thread = _Thread()


def current_service() -> ServiceRole | None:
    """The service whose loop this process, or this thread, runs; None elsewhere.

    In the workers of a service it is None too.
    """
    current = _thread.current or _process
    if current is None or current[0] != os.getpid():
        return None
    return current[1]


def forking_service() -> ServiceRole | None:
    """The service that this code runs in, for those who are about to fork a child of it.

    Raises:
        UnsupportedError: it shares its process with others, and would never learn of its end.
    """
    service = current_service()
    if service is not None and service._ipcm_state.threaded:
        raise UnsupportedError(
            f"{service.name!r} shares its process with others, and can have no children there"
        )
    return service


def enter_service(service: ServiceRole) -> tuple[int, ServiceRole] | None:
    """From now on this process is the service, or this thread is, if it is not the main one.

    Returns:
        What `leave_service` puts back.
    """
    before = _thread.current if _in_other_thread() else _process
    _set((os.getpid(), service))
    return before


def leave_service(before: tuple[int, ServiceRole] | None) -> None:
    """Undoes `enter_service`."""
    _set(before)


def become_worker(name: str, service: str) -> None:
    """From now on this process is a worker, and no service any more."""
    global _worker
    leave_service(None)
    _worker = WorkerPlace(os.getpid(), name, service)


def current_worker() -> WorkerPlace | None:
    """The worker that this process is; None elsewhere, and in children of one."""
    return _worker if _worker is not None and _worker.pid == os.getpid() else None


def _set(current: tuple[int, ServiceRole] | None) -> None:
    global _process
    if _in_other_thread():
        _thread.current = current
    else:
        _process = current


def _in_other_thread() -> bool:
    return threading.current_thread() is not threading.main_thread()
