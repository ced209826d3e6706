"""The children of a service: workers, and others that it forked."""

from __future__ import annotations

import time
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING

from ipcm._core.observation import EndedWorker, ReapedChild, WorkerEvent
from ipcm._os.process import ProcessIdentity, identify, send_signal, wait_dead
from ipcm.role.state import ServiceState, Worker

if TYPE_CHECKING:
    from ipcm.role.control import Control

__all__ = ["ChildrenRole"]

WORKER_GRACE = 15.0


class ChildrenRole:
    """Registers, reaps and terminates children, each waited for by its pid."""

    if TYPE_CHECKING:
        name: str
        reap_all: bool

        @property
        def _ipcm_state(self) -> ServiceState: ...
        @property
        def _ipcm_control(self) -> Control: ...

    @property
    def workers(self) -> dict[int, str]:
        """Live workers: pid to name."""
        return {pid: worker.name for pid, worker in self._ipcm_state.workers.items()}

    def register_worker(self, name: str, pid: int) -> None:
        """Makes a child a worker: it is reaped without `run_on_pid`, and ended at the end."""
        state = self._ipcm_state
        state.workers[pid] = Worker(name, time.monotonic())
        state.telemetry.workers_started += 1
        if state.children is not None:
            state.children.adopt(pid)
        self._ipcm_control.emit(WorkerEvent(self.name, time.time(), pid, name, 1))

    def reap_workers(self) -> dict[int, dict[str, str | int | None]]:
        """Reaps the workers that have ended, and keeps what else was reaped for the next turn.

        Returns:
            Pid to `{"name": ..., "exit": code or -signal}`.
        """
        before = dict(self._ipcm_state.workers)
        self._ipcm_state.ended_pids.update(self.reap_children())
        ended = {}
        for worker in self._ipcm_state.telemetry.ended_workers:
            if worker.pid in before and worker.pid not in self._ipcm_state.workers:
                ended[worker.pid] = {"name": worker.name, "exit": worker.exit}
        return ended

    def reap_children(self) -> dict[int, int]:
        """Reaps what has ended, of the children that are ours to wait for.

        Returns:
            Those that were no workers: pid to exit (code, or -signal).
        """
        state = self._ipcm_state
        if state.children is None:
            return {}
        pids: dict[int, int] = {}
        now = time.time()
        for pid, exit in state.children.reap(self.reap_all).items():
            worker = state.workers.pop(pid, None)
            if worker is None:
                pids[pid] = exit
                state.telemetry.reaped.append(ReapedChild(pid, exit, now))
            else:
                state.telemetry.ended_workers.append(EndedWorker(pid, worker.name, exit, now))
                self._ipcm_control.emit(WorkerEvent(self.name, now, pid, worker.name, -1, exit))
        return pids

    def terminate_workers(self) -> None:
        """Ends the workers: TERM, and KILL for those that are there 15 seconds later."""
        self.reap_workers()
        living = self._ipcm_signal_workers(SIGTERM)
        if wait_dead(living, WORKER_GRACE):
            wait_dead(self._ipcm_signal_workers(SIGKILL), WORKER_GRACE)
        self.reap_workers()

    def _ipcm_signal_workers(self, sig: int) -> list[ProcessIdentity]:
        living = []
        for pid in self._ipcm_state.workers:
            try:
                who = identify(pid)
                send_signal(who, sig)
            except ProcessLookupError:
                continue  # ended this instant; it is reaped below
            living.append(who)
        return living
