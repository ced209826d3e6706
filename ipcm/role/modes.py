"""The ways to start a service's process."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any, Final

from ipcm._os.descriptors import anonymous_file
from ipcm._os.fork import fork
from ipcm._os.fresh import execute
from ipcm._os.helper import end_helper
from ipcm._os.launcher.starter import launch
from ipcm._os.output import open_output, send_output
from ipcm._os.process import ProcessIdentity, identify, thread_count
from ipcm._os.reset.descriptors import descriptors_of
from ipcm._os.reset.threaded import part_from_starter
from ipcm.bus import output_path
from ipcm.errors import IPCMError, ServiceStartError, UnsupportedError
from ipcm.role.become import become, make_service
from ipcm.role.grabbing import grabbed_by, grabbed_by_one_of
from ipcm.role.launcher import MODULES
from ipcm.role.parcel import Parcel
from ipcm.role.process import ServiceProcess
from ipcm.role.role import ServiceRole
from ipcm.role.text import format_error, format_traceback
from ipcm.role.watching import pids_in

__all__ = ["a_process_for", "choose_mode", "start_process"]

_MODES: Final = ("auto", "fork", "exec", "launcher")
_ENTRY: Final = "ipcm.role.become:open_parcel"


def choose_mode(start: str) -> str:
    """Makes "auto" a mode.

    Raises:
        UnsupportedError: no such mode.
    """
    if start not in _MODES:
        raise UnsupportedError(f"start={start!r} is not one of {', '.join(_MODES)}")
    if start != "auto":
        return start
    # A fork copies the locks that other threads hold at that moment.
    return "fork" if thread_count() == 1 else "launcher"


@contextlib.contextmanager
def a_process_for(name: str) -> Iterator[None]:
    """Raises ServiceStartError where the system refuses what a service's process takes."""
    try:
        yield
    except IPCMError:  # some are an OSError, too
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise ServiceStartError(name, f"no process for {name!r}: {why}") from error


def start_process(
    mode: str,
    name: str,
    maker: Callable[..., ServiceRole],
    info: str,
    params: dict[str, Any],
    timeout: float | None = None,
    output: str = "inherit",
) -> ServiceProcess:
    """Starts a service's process.

    Args:
        mode: what `choose_mode` returned.
        name, info, maker, params: as for `ipcm.service`.
        timeout: seconds that the launcher may take to fork.
        output: "inherit" or "bus".

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
    with a_process_for(name), contextlib.ExitStack() as stack:
        out = _open_output(stack, output, info, name)
        if mode == "launcher":
            return _launch(name, maker, params, timeout, out)
        read, write = os.pipe()
        stack.callback(os.close, write)
        try:
            if mode == "exec":
                child = _execute(name, maker, params, write, out)
            else:
                child = _fork(name, maker, params, read, write, out)
        except BaseException:
            os.close(read)
            raise
        stack.close()  # it makes room for a descriptor of the child
        try:
            return ServiceProcess(name, child, read)
        except BaseException:
            os.close(read)
            end_helper(child)
            raise


def _open_output(stack: contextlib.ExitStack, output: str, info: str, name: str) -> int | None:
    """The service's file on the bus, where its output is to go there."""
    if output == "inherit":
        return None
    path = output_path(info, name)
    if path is None:
        raise UnsupportedError(f"the bus has no place for the output of {name!r}")
    out = open_output(path)
    stack.callback(os.close, out)
    return out


def _fork(
    name: str,
    maker: Callable[..., ServiceRole],
    params: dict[str, Any],
    status_read: int,
    status: int,
    out: int | None,
) -> int:
    try:
        made = make_service(maker, params)
        identities = _identify(made.watch_pids)
        made.pre_fork_hook()
    except (IPCMError, TypeError):  # whoever called asked for something that cannot be
        raise
    except Exception as error:
        text = f"{name!r} failed to start: {format_error(error)}"
        raise ServiceStartError(name, text, format_traceback(error)) from error
    threaded = thread_count() > 1

    def child() -> int:
        os.close(status_read)
        atexit._clear()
        if threaded:
            part_from_starter(descriptors_of([*params.values(), *vars(made).values()]))
        if out is not None:
            send_output(out)
        return become(made, identities, status)

    return fork(child, hold=grabbed_by(made))


def _execute(
    name: str,
    maker: Callable[..., ServiceRole],
    params: dict[str, Any],
    status: int,
    out: int | None,
) -> int:
    packed = _pack(name, maker, params, by_value=False)
    try:
        descriptors = (packed, status) if out is None else (packed, status, out)
        return execute(_ENTRY, (), descriptors, hold=grabbed_by_one_of(maker, params))
    finally:
        os.close(packed)


def _launch(
    name: str,
    maker: Callable[..., ServiceRole],
    params: dict[str, Any],
    timeout: float | None,
    out: int | None,
) -> ServiceProcess:
    with contextlib.ExitStack() as stack:
        packed = _pack(name, maker, params, by_value=True)
        stack.callback(os.close, packed)
        streams = [os.dup(fd) for fd in ((1, 2) if out is None else (out,))]
        for fd in streams:
            stack.callback(os.close, fd)
        who, read = launch(
            _ENTRY,
            (),
            (packed, -1, *streams),
            modules=MODULES,
            keep=os.getpid() not in pids_in(params["watch_pids"]),
            timeout=timeout,
            hold=grabbed_by_one_of(maker, params),
        )
    return ServiceProcess(name, who.pid, read, launched=who)


def _pack(
    name: str, maker: Callable[..., ServiceRole], params: dict[str, Any], *, by_value: bool
) -> int:
    parcel = Parcel(name, maker, params, _identify(params["watch_pids"]))
    return anonymous_file("ipcm parcel", parcel.pack(by_value=by_value))


def _identify(pids: Any) -> dict[int, ProcessIdentity]:
    identities = {os.getpid(): identify()}
    for pid in pids_in(pids):
        with contextlib.suppress(ProcessLookupError):
            identities[pid] = identify(pid)
    return identities
