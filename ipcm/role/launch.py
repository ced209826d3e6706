"""Starting services and workers."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import Any

from ipcm._core.names import check_name
from ipcm._os.fork import fork
from ipcm.bus import AnyBus, Bus, check_processes, find_bus, spawn
from ipcm.errors import UsageError
from ipcm.role.callbacks import Service
from ipcm.role.context import forking_service, leave_service
from ipcm.role.handle import Handle
from ipcm.role.modes import choose_mode, start_process
from ipcm.role.peer import Peer
from ipcm.role.role import ServiceRole

__all__ = ["service", "worker"]


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
        start: "fork"; "exec", a fresh interpreter, which imports the class and the parameters;
            "auto": fork where this process has one thread.
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
    inside = forking_service()
    mode = choose_mode(start)
    owned: Bus | None = None
    if ipcm_info is None and bus is not None:
        ipcm_info = find_bus(bus).info
    elif ipcm_info is None and inside is not None:
        ipcm_info = inside.ipcm_info
    elif ipcm_info is None:
        owned = spawn()
        ipcm_info = owned.info
    try:
        check_processes(ipcm_info)
        process = start_process(mode, name, maker, ipcm_info, params)
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
    inside = forking_service()
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
