"""Starting services and workers."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable
from typing import Any

from ipcm._core.names import check_name
from ipcm._os.fork import fork
from ipcm._os.process import identify, thread_count
from ipcm._os.spawn import OwnedFd
from ipcm._os.stdio import save
from ipcm.bus import AnyBus, Bus, find_bus, spawn
from ipcm.errors import ServiceStartError, UnsupportedError, UsageError
from ipcm.role.callbacks import Service
from ipcm.role.context import current_service, leave_service
from ipcm.role.handle import Handle
from ipcm.role.peer import Peer
from ipcm.role.process import Report, ServiceProcess
from ipcm.role.role import ServiceRole
from ipcm.role.text import format_error, format_traceback

__all__ = ["service", "worker"]

_MODES = ("auto", "fork")


def service(
    name: str,
    maker: Callable[..., ServiceRole] = Service,
    *,
    bus: AnyBus | None = None,
    ipcm_info: str | None = None,
    start: str = "auto",
    wait: bool = True,
    timeout: float | None = 30.0,
    handle_name: str | None = None,
    **params: Any,
) -> Any:
    """Starts a service in a child process.

    Args:
        name: its name on the bus.
        maker: a ServiceRole class; `Service`, which takes callbacks, where it is left out.
        bus, ipcm_info: the bus to join. Without one, a service started inside a service joins
            its bus; any other gets a bus of its own, which the handle ends.
        start: "fork", or "auto": fork where this process has one thread.
        wait: whether to return when the service is ready, or at once.
        timeout: seconds that it may take to be ready.
        handle_name: peer name of the handle's own client.
        params: for `maker`.

    Returns:
        A Handle; inside a service a Peer.

    Raises:
        ServiceStartError: it did not become ready; with the traceback of its process.
        NameTaken, InvalidName, NoSuchBus, UnsupportedError.
    """
    check_name(name)
    _check_start(start)
    inside = current_service()
    owned: Bus | None = None
    if ipcm_info is None and bus is not None:
        ipcm_info = find_bus(bus).info
    elif ipcm_info is None and inside is not None:
        ipcm_info = inside.ipcm_info
    elif ipcm_info is None:
        owned = spawn()
        ipcm_info = owned.info
    try:
        process = _start(name, maker, ipcm_info, params)
        try:
            if inside is not None and inside._ipcm_state.children is not None:
                inside._ipcm_state.children.adopt(process.child_pid)
            if wait:
                process.wait_ready(timeout)
        except BaseException:
            process.kill()
            raise
    except BaseException:
        if owned is not None:
            owned.shutdown(0.0)
        raise
    if inside is not None:
        process.close()
        peer: Peer = inside.peer(name, child_pid=process.child_pid)
        return peer
    return Handle(name, ipcm_info, name=handle_name, process=process, bus=owned)


def _check_start(start: str) -> None:
    if start not in _MODES:
        raise UnsupportedError(f"start={start!r} is not one of {', '.join(_MODES)}")
    if start == "auto" and (threads := thread_count()) > 1:
        raise UnsupportedError(
            f"this process has {threads} threads, and a fork copies the locks that they hold: "
            'start services before threads, or decide for yourself with start="fork"'
        )


def _start(
    name: str, maker: Callable[..., ServiceRole], info: str, params: dict[str, Any]
) -> ServiceProcess:
    starter = os.getpid()
    identities = {starter: identify(starter)}
    params = {"watch_pids": [starter], "orig_io": None, **params}
    made = maker(name=name, ipcm_info=info, pid=starter, **params)
    for pid in made.watch_pids or ():
        with contextlib.suppress(ProcessLookupError):
            identities[pid] = identify(pid)
    made.pre_fork_hook()
    status_read, status_write = os.pipe()
    try:
        child = fork(lambda: _run_child(made, identities, status_read, status_write))
    except BaseException as error:
        os.close(status_read)
        os.close(status_write)
        if isinstance(error, OSError):
            raise ServiceStartError(name, f"no process for {name!r}: {error.strerror}") from error
        raise
    os.close(status_write)
    return ServiceProcess(name, child, status_read)


def _run_child(
    service: ServiceRole, identities: dict[int, Any], status_read: int, status: int
) -> int:
    """The child: becomes the service, and tells its starter how it goes."""
    os.close(status_read)
    atexit._clear()
    mine = OwnedFd(status)
    try:
        service.clear_service_fields()
        service.post_fork_hook()
        pid = os.getpid()
        service.set_pid(pid)
        if service.orig_io is None:
            with contextlib.suppress(AttributeError):  # a read-only property of the consumer
                service.orig_io = save()
        service.redirect()
        state = service._ipcm_state
        state.identities = identities
        state.on_ready = lambda: Report(ready=pid).write(mine.fd)
        value = service.run()
    except BaseException as error:  # noqa: BLE001
        # The boundary of the process: the exception goes to whoever holds the handle.
        if service._ipcm_state.phase != "starting":
            service.debug(f"{service.name}: {format_traceback(error)}")
        failed = Report(failed=format_error(error), traceback=format_traceback(error))
        failed.write(mine.fd)
        _run_atexit(service)
        return error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
    Report(ended=True, value=value).write(mine.fd)
    _run_atexit(service)
    return value & 0xFF if isinstance(value, int) else 0


def _run_atexit(service: ServiceRole) -> None:
    """Runs what was registered in the service's own process, never the starter's."""
    if not service.use_posix_exit:
        atexit._run_exitfuncs()


def worker(name: str, callback: Callable[[], Any]) -> int:
    """Runs a callback in a child of the service that calls this; no loop.

    The worker dies with its service, however that ends. An exception goes to its stderr, and
    makes it exit with 1.

    Args:
        name: for `workers` and for those who watch; not a peer name.
        callback: called without arguments.

    Returns:
        The worker's pid.

    Raises:
        UsageError: not called in a service.
    """
    inside = current_service()
    if inside is None:
        raise UsageError("ipcm.worker() is for services: it runs in a child of the one it is in")
    lifeline = inside._ipcm_state.lifeline

    def child() -> int:
        if lifeline is not None:
            lifeline.arm()
        leave_service(None)
        atexit._clear()
        result = callback()
        atexit._run_exitfuncs()
        return result if isinstance(result, int) and not isinstance(result, bool) else 0

    pid = fork(child)
    inside.register_worker(name, pid)
    return pid
