"""The ways to start a service's process."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable
from typing import Any, Final

from ipcm._os.fork import fork
from ipcm._os.fresh import execute
from ipcm._os.process import ProcessIdentity, identify, thread_count
from ipcm._os.spawn import anonymous_file
from ipcm.errors import ServiceStartError, UnsupportedError
from ipcm.role.become import become
from ipcm.role.parcel import Parcel
from ipcm.role.process import ServiceProcess
from ipcm.role.role import ServiceRole

__all__ = ["choose_mode", "start_process"]

_MODES: Final = ("auto", "fork", "exec")


def choose_mode(start: str) -> str:
    """Makes "auto" a mode.

    Raises:
        UnsupportedError: no such mode.
    """
    if start not in _MODES:
        raise UnsupportedError(f"start={start!r} is not one of {', '.join(_MODES)}")
    if start != "auto":
        return start
    if (threads := thread_count()) > 1:
        raise UnsupportedError(
            f"this process has {threads} threads, and a fork copies the locks that they hold: "
            'start services before threads, or decide for yourself with start="fork"'
        )
    return "fork"


def start_process(
    mode: str, name: str, maker: Callable[..., ServiceRole], info: str, params: dict[str, Any]
) -> ServiceProcess:
    """Starts a service's process.

    Args:
        mode: what `choose_mode` returned.
        name, info, maker, params: as for `ipcm.service`.

    Raises:
        ServiceStartError: no process to be had, or something that cannot be given to it.
    """
    starter = os.getpid()
    params = {
        "watch_pids": [starter],
        "orig_io": None,
        **params,
        "name": name,
        "ipcm_info": info,
        "pid": starter,
    }
    status_read, status_write = os.pipe()
    try:
        if mode == "exec":
            child = _execute(name, maker, params, status_write)
        else:
            child = _fork(maker, params, status_read, status_write)
    except BaseException as error:
        os.close(status_read)
        if isinstance(error, OSError):
            raise ServiceStartError(name, f"no process for {name!r}: {error.strerror}") from error
        raise
    finally:
        os.close(status_write)
    return ServiceProcess(name, child, status_read)


def _fork(
    maker: Callable[..., ServiceRole], params: dict[str, Any], status_read: int, status: int
) -> int:
    made = maker(**params)
    identities = _identify(made.watch_pids)
    made.pre_fork_hook()

    def child() -> int:
        os.close(status_read)
        atexit._clear()
        return become(made, identities, status)

    return fork(child)


def _execute(
    name: str, maker: Callable[..., ServiceRole], params: dict[str, Any], status: int
) -> int:
    parcel = Parcel(name, maker, params, _identify(params["watch_pids"]))
    packed = anonymous_file("ipcm parcel", parcel.pack(by_value=False))
    try:
        return execute("ipcm.role.become:open_parcel", (), (packed, status))
    finally:
        os.close(packed)


def _identify(pids: Any) -> dict[int, ProcessIdentity]:
    identities = {os.getpid(): identify()}
    for pid in pids or ():
        with contextlib.suppress(ProcessLookupError):
            identities[pid] = identify(pid)
    return identities
