"""Helper processes of our own: starting one, from whatever process needs it, and ending it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence

from ipcm._os.children import Children
from ipcm._os.fork import fork
from ipcm._os.fresh import execute
from ipcm._os.launcher.starter import launch, launcher_pid
from ipcm._os.process import thread_count
from ipcm._os.stdio import open_null

__all__ = ["end_helper", "start_helper"]


def start_helper(
    child: Callable[[], int | None],
    entry: str,
    arguments: Sequence[str],
    descriptors: Sequence[int],
) -> int:
    """Starts a helper: forked where this process has one thread, else as clean as it can be had.

    A fork of a process with threads copies the locks that they hold at that moment: where there
    is a launcher it forks, else a fresh interpreter is started, which takes longer.

    Args:
        child: what a helper forked here runs.
        entry, arguments, descriptors: what any other runs; see `execute`.

    Returns:
        Its pid. It outlives this process if it wants to.
    """
    if thread_count() == 1:
        pid = fork(child)
        Children.leave_alone(pid)
        return pid
    if launcher_pid() is not None:
        who, report = launch(entry, arguments, descriptors, keep=True)
        os.close(report)
        return who.pid
    null = open_null()
    try:
        return execute(entry, arguments, descriptors, streams=(null, null, null))
    finally:
        os.close(null)


def end_helper(pid: int) -> None:
    """Kills a process that was just started, and waits for it; needs no descriptor."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # the launcher waits for those that it forked
        os.waitpid(pid, 0)
