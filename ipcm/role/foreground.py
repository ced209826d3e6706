"""A service in this very process, with a terminal: no fork, and Ctrl-C ends it in order."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from signal import Signals
from typing import Any, NamedTuple

from ipcm._core.names import check_name
from ipcm._os.orderly import FOREGROUND
from ipcm.bus import Bus
from ipcm.role.become import keep_streams
from ipcm.role.role import ServiceRole

__all__ = ["Ended", "run_in_foreground"]


class Ended(NamedTuple):
    """How a service ended: its termination value, and the signal that ended it, if one did."""

    value: Any
    signal: Signals | None


def run_in_foreground(
    name: str,
    maker: Callable[..., ServiceRole],
    bus: Bus,
    *,
    on_ready: Callable[[], None] | None = None,
    **params: Any,
) -> Ended:
    """Runs a service in this process until it ends.

    SIGINT, SIGTERM and SIGHUP end it in order, a second one at once; but one that the service
    grabs is its own, and one that is ignored (nohup) stays ignored.

    Args:
        name: its name on the bus. maker: a ServiceRole class.
        on_ready: called once it is ready.
        params: for `maker`.

    Raises:
        What ends it otherwise. NameTaken, InvalidName, BusGone.
    """
    check_name(name)
    params = {"watch_pids": None, "orig_io": None, **params}
    service = maker(name=name, ipcm_info=bus.info, pid=os.getpid(), **params)
    service.pre_fork_hook()
    service.clear_service_fields()
    service.post_fork_hook()
    service.set_pid(os.getpid())
    keep_streams(service)
    service.redirect()
    state = service._ipcm_state
    state.on_ready = on_ready
    state.ends_on = FOREGROUND - {*service._ipcm_grabbed()} - _ignored()
    return Ended(service.run(), state.ended_by)


def _ignored() -> set[Signals]:
    return {each for each in FOREGROUND if signal.getsignal(each) is signal.SIG_IGN}
