"""Becoming a service: what its process runs, however it was started."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable
from typing import Any

from ipcm._os.descriptors import OwnedFd
from ipcm._os.launcher.preload import tell_imports
from ipcm._os.output import OutputFile, send_output, writes_to_file
from ipcm._os.signals import count_early
from ipcm._os.stdio import redirect, save
from ipcm.bus import output_path
from ipcm.errors import UsageError
from ipcm.role.grabbing import grabbed_by
from ipcm.role.parcel import Parcel
from ipcm.role.process import Report
from ipcm.role.role import ServiceRole
from ipcm.role.text import format_traceback
from ipcm.role.watching import pids_in

__all__ = ["become", "keep_streams", "make_service", "open_parcel"]


def become(service: ServiceRole, identities: dict[int, Any], status: int) -> int:
    """Becomes the service, and tells its starter how it goes.

    Args:
        service: as it was made. identities: of the pids that it may watch, taken by the starter.
        status: write end of the starter's pipe.

    Returns:
        The exit code.
    """
    mine = OwnedFd(status)
    making = True
    pid = 0
    try:
        count_early(grabbed_by(service))
        service.clear_service_fields()
        service.post_fork_hook()
        pid = os.getpid()
        service.set_pid(pid)
        keep_streams(service)
        service.redirect()
        state = service._ipcm_state
        if writes_to_file():
            state.output = OutputFile.of_this_process(output_path(service.ipcm_info, service.name))
        state.identities = identities
        state.starter = next(iter(identities.values()), None)  # who took them, first of all
        state.on_ready = lambda: Report(ready=pid).write(mine.fd)
        making = False
        value = 0 if _is_orphan(service) else service.run()
    except BaseException as error:
        if pid and pid != os.getpid():
            raise  # a child that a callback forked, on its way out: who started it is not its
        # The boundary of the process: the exception goes to whoever holds the handle.
        report = Report.of(error)
        report.misuse = making and isinstance(error, UsageError)
        heard = report.write(mine.fd)
        if service._ipcm_state.phase != "starting" or not heard:
            service.debug(f"{service.name}: {format_traceback(error)}")
        _run_atexit(service)
        return error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
    Report.of_end(value).write(mine.fd)
    _run_atexit(service)
    return value & 0xFF if isinstance(value, int) else 0


def keep_streams(service: ServiceRole) -> None:
    """Gives a service the streams that its process has now, where it brings no `orig_io`."""
    if service.orig_io is None:
        with contextlib.suppress(AttributeError):  # a read-only property of the consumer
            service.orig_io = save()


def _is_orphan(service: ServiceRole) -> bool:
    """Whether its starter, which it would end with, has ended while it came to be.

    The bus at that place may be another by now, where the name is somebody else's.
    """
    starter = service._ipcm_state.starter
    return (
        starter is not None and starter.pid in pids_in(service.watch_pids) and not starter.alive()
    )


def _run_atexit(service: ServiceRole) -> None:
    """Runs what was registered in the service's own process, never the starter's."""
    if not service.use_posix_exit:
        atexit._run_exitfuncs()


def make_service(maker: Callable[..., ServiceRole], params: dict[str, Any]) -> ServiceRole:
    """Makes the service.

    Raises:
        UsageError: the maker cannot be called, or what it made is no service, or one of another
            name than it is looked for under.
    """
    if not callable(maker):
        raise UsageError(f"a service is made by a class, not by {maker!r:.100}")
    service = maker(**params)
    if not isinstance(service, ServiceRole):
        raise UsageError(f"{maker!r:.100} made {service!r:.100}, which is no ServiceRole")
    if service.name != params["name"]:
        raise UsageError(f"{maker!r:.100} made a service named {service.name!r:.100}")
    return service


def open_parcel(parcel: int, status: int, *streams: int) -> int:
    """In a process that knew nothing of it: makes the service, and becomes it.

    Args:
        parcel: descriptor of the packed `Parcel`. status: as in `become`.
        streams: descriptors for 1 and 2, where they are not there already; a single one is of the
            service's file on the bus.
    """
    making = False
    try:
        if len(streams) == 1:
            send_output(streams[0])
        elif streams:
            redirect(stdout=streams[0], stderr=streams[1])
            for fd in streams:
                os.close(fd)
        with open(parcel, "rb") as file:
            made = Parcel.unpack(file)
        making = True
        service = make_service(made.maker, made.params)
        making = False
        tell_imports()
        service.pre_fork_hook()
    except BaseException as error:  # noqa: BLE001 (as in become)
        report = Report.of(error)
        report.misuse = making and isinstance(error, UsageError | TypeError)
        report.write(status)
        return 1
    return become(service, made.identities, status)
