"""Starting services and workers."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable
from typing import Any

from ipcm._core.names import check_name
from ipcm._core.patience import check_timeout
from ipcm._os.fork import fork
from ipcm._os.launcher.starter import lease as launcher_lease
from ipcm._os.reset.notebook import in_notebook
from ipcm._os.streams import fill_missing_descriptors
from ipcm.bus import AnyBus, Bus, check_processes, find_bus, spawn
from ipcm.errors import ServiceStartError, UsageError
from ipcm.role.callbacks import Service
from ipcm.role.children import check_worker_name
from ipcm.role.context import become_worker, current_worker, forking_service
from ipcm.role.handle import Handle
from ipcm.role.hooks import check_runs
from ipcm.role.launcher import warm
from ipcm.role.modes import a_process_for, choose_mode, start_process
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
    output: str | None = None,
    keep: bool = False,
    **params: Any,
) -> Any:
    """Starts a service in a child process.

    Args:
        name: its name on the bus.
        maker: a ServiceRole class; `Service`, which takes callbacks, where it is left out.
        bus, ipcm_info: the bus to join. Without one, a service started inside a service joins
            its bus; any other gets a bus of its own, which the handle ends.
        start: "fork"; "exec", a fresh interpreter, which imports the class and the parameters;
            "launcher", a fork of a process without threads, to which what cannot be imported
            is given by value; "auto": fork where this process has one thread, else launcher.
        wait: whether to return when the service is ready, or at once.
        timeout: seconds that it may take to be ready.
        handle_name: peer name of the handle's own client.
        output: where its stdout and stderr go: "inherit", where those of this process go; "bus",
            to a file on the bus, which `Handle.output` reads. Left out, it is "bus" for the
            launcher, for the fork of a notebook's kernel, and for a service inside one whose
            own goes there, else "inherit".
        keep: it outlives this process, however that ends, and so does its bus where that is
            this process's; closing the handle still ends it. Without this it watches this
            process, and ends with it.
        params: for `maker`.

    Returns:
        A Handle; inside a service a Peer.

    Raises:
        ServiceStartError: it did not become ready; with the traceback of its process.
        NameTaken, InvalidName, NoSuchBus, UnsupportedError.
    """
    check_name(name)
    timeout = check_timeout(timeout)
    fill_missing_descriptors()
    inside = forking_service()
    mode = choose_mode(start)
    output = _choose_output(output, mode, inside)
    with contextlib.ExitStack() as held, contextlib.ExitStack() as undo:
        if mode == "launcher":
            # Ahead: a registrar that is needed too comes from it.
            held.enter_context(launcher_lease())
            with a_process_for(name):
                warm(pin=False)
        ipcm_info, owned = _find_bus(bus, ipcm_info, inside, keep)
        if keep:
            params.setdefault("watch_pids", ())
        if owned is not None:
            undo.callback(owned.shutdown, 0.0)
        check_processes(ipcm_info)
        process = start_process(mode, name, maker, ipcm_info, params, timeout, output)
        undo.callback(process.kill)
        children = None if inside is None else inside._ipcm_state.children
        if children is not None and mode != "launcher":
            children.adopt(process.child_pid)
        if wait:
            process.wait_ready(timeout)
        undo.pop_all()
    if inside is not None:
        process.close()
        peer: Peer = inside.peer(name, child_pid=process.child_pid)
        return peer
    return Handle(name, ipcm_info, name=handle_name, process=process, bus=owned)


def _choose_output(output: str | None, mode: str, inside: ServiceRole | None) -> str:
    if output is None:
        background = (
            mode == "launcher"
            or (mode == "fork" and in_notebook())
            or (inside and inside._ipcm_state.output)
        )
        return "bus" if background else "inherit"
    if output not in ("inherit", "bus"):
        raise UsageError(f'output={output!r} is neither "inherit" nor "bus"')
    return output


def _find_bus(
    bus: AnyBus | None, info: str | None, inside: ServiceRole | None, keep: bool
) -> tuple[str, Bus | None]:
    """The info of the bus to join, and the bus where it was made for this."""
    if info is not None and bus is not None:
        raise UsageError("a bus is given once: by bus or by ipcm_info")
    if info is None and bus is None and inside is not None:
        return inside.ipcm_info, None
    if info is None and bus is None:
        owned = spawn()
        if keep:
            owned.unguard(lingers=True)
        return owned.info, owned
    found = find_bus(bus if info is None else info)
    if keep and found.owner_pid == os.getpid():
        found.unguard(lingers=True)
    return found.info, None


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
        UsageError: called outside of a service, or in a worker of one; the name is no text, or
            an empty or too long one; the callback cannot be called, or is async or a generator.
        ServiceStartError: the system gives no process.
    """
    if not callable(callback):
        raise UsageError(f"a worker runs what can be called, and not {callback!r:.100}")
    inside = forking_service()
    if inside is None:
        raise UsageError(_no_place_for_a_worker())
    check_worker_name(name)
    check_runs(f"the worker {name!r}", callback)
    service = inside.name
    lifeline = inside._ipcm_state.lifeline

    def child() -> int:
        if lifeline is not None:
            lifeline.arm()
        become_worker(name, service)
        atexit._clear()
        result = callback()
        atexit._run_exitfuncs()
        return result if isinstance(result, int) and not isinstance(result, bool) else 0

    inside.pre_fork_hook()
    try:
        pid = fork(child)
    except OSError as error:
        text = f"no process for the worker {name!r}: {error.strerror}"
        raise ServiceStartError(name, text) from error
    inside.register_worker(name, pid)
    return pid


def _no_place_for_a_worker() -> str:
    worker = current_worker()
    if worker is None:
        return "ipcm.worker() is for services: it runs in a child of the one it is in"
    return (
        f"the worker {worker.name!r} cannot have a worker: they are children of their service, "
        f"{worker.service!r}, which alone starts them; have it do so (ipcm.connect() in the "
        "worker, and a request to it), or use os.fork() or multiprocessing here"
    )
