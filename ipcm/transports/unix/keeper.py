"""Starting a registrar: for a new bus, and for one whose registrar died."""

from __future__ import annotations

import contextlib
import os
import socket

from ipcm._os.descriptors import close_others
from ipcm._os.helper import start_helper
from ipcm._os.process import ProcessIdentity
from ipcm.errors import BusGone
from ipcm.transports.unix.registrar import serve
from ipcm.transports.unix.route import Route

__all__ = ["restart_registrar", "start_registrar"]


def start_registrar(
    route: Route,
    listener: socket.socket,
    lock: int,
    owner: ProcessIdentity | None,
    *,
    again: bool = False,
) -> int:
    """Starts the process; it has its own copies of the descriptors.

    Args:
        listener: bound to the route's `r`. lock: the route's lock, held.
        owner: whose end ends the bus, or what lingers; None for a bus that outlives its owner.
        again: others may still have names that this registrar does not know yet.

    Returns:
        Its pid.
    """

    def child() -> None:
        log = route.path / "log" / "_registrar"
        close_others((route.fileno(), listener.fileno(), lock), log)
        serve(route, listener, lock, owner, again)

    pid, start = owner or (0, 0)
    arguments = [str(route.path), str(pid), str(start), str(again)]
    descriptors = (listener.fileno(), lock)
    return start_helper(child, "ipcm.transports.unix.registrar:main", arguments, descriptors)


def restart_registrar(route: Route) -> bool:
    """Starts another registrar where the last one died; the lock decides who does.

    Returns:
        False where somebody else has done it, or is doing it.

    Raises:
        BusGone: there is no bus any more. InsecureDirectory: it is not private any more.
    """
    record = route.record()
    lock = route.lock()
    if lock is None:
        return False
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, lock)
        with contextlib.suppress(FileNotFoundError):
            (route.path / "r").unlink()
        try:
            listener = stack.enter_context(route.listen(route.address("r")))
        except OSError as error:
            raise BusGone(f"the bus at {route.path} is gone: {error.strerror}") from None
        # The caller's own is closed in its children, and a long route is reached through it.
        own = stack.enter_context(Route(str(route.path)))
        owner = ProcessIdentity(record.bus.owner_pid, record.owner_start)
        watched = record.bus.guard or record.lingers
        start_registrar(own, listener, lock, owner if watched else None, again=True)
    return True
