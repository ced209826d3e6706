"""The children of a service: workers, and others that it forked."""

from __future__ import annotations

from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING

from ipcm._core.names import MOST_BYTES
from ipcm._core.observation import EndedWorker, ReapedChild, WorkerEvent
from ipcm._core.patience import check_seconds
from ipcm._os.children import is_foreign
from ipcm._os.process import ProcessIdentity, identify, send_signal, wait_dead
from ipcm.errors import UsageError
from ipcm.role.state import ServiceState, Worker

if TYPE_CHECKING:
    from ipcm.role.control import Control

__all__ = ["ChildrenRole", "check_worker_name"]

_KILLED = 5.0


def check_worker_name(name: object) -> None:
    """Raises UsageError where nobody could be told of a worker of that name."""
    try:
        if isinstance(name, str) and 0 < len(name.encode()) <= MOST_BYTES:
            return
    except UnicodeEncodeError:
        pass
    raise UsageError(
        f"a worker is named by a text of 1 to {MOST_BYTES:,} bytes, and not by {name!r:.100}"
    )


def _check_pid(pid: object) -> None:
    if not isinstance(pid, int) or pid <= 0:
        raise UsageError(f"{pid!r:.100} is no pid of a worker")


class ChildrenRole:
    """Registers, reaps and terminates children, each waited for by its pid."""

    if TYPE_CHECKING:
        name: str
        reap_all: bool
        worker_grace: float

        _ipcm_state: ServiceState
        _ipcm_control: Control

    @property
    def workers(self) -> dict[int, str]:
        """Live workers: pid to name."""
        return {pid: worker.name for pid, worker in self._ipcm_state.workers.items()}

    def register_worker(self, name: str, pid: int) -> None:
        """Makes a child a worker: it is reaped without `run_on_pid`, and ended at the end.

        Raises:
            UsageError: the name is no text, or an empty or too long one; the pid is none, or that
                of a process which is no child of this service.
        """
        check_worker_name(name)
        _check_pid(pid)
        state = self._ipcm_state
        if state.children is not None and is_foreign(pid):
            raise UsageError(f"process {pid} is no child of {self.name!r}, and no worker of it")
        state.workers[pid] = Worker(name, state.clock.monotonic())
        state.telemetry.workers_started += 1
        if state.children is not None:
            state.children.adopt(pid)
        self._ipcm_control.emit(WorkerEvent(self.name, state.clock.time(), pid, name, 1))

    def reap_workers(self) -> dict[int, dict[str, str | int | None]]:
        """Reaps the workers that have ended, and keeps what else was reaped for the next turn.

        Returns:
            Pid to a dict with "name" and "exit" (code, or -signal; None where somebody else has
            waited for it).
        """
        ended, others = self._ipcm_reap()
        self._ipcm_state.ended_pids.update(others)
        return {pid: {"name": w.name, "exit": w.exit} for pid, w in ended.items()}

    def reap_children(self) -> dict[int, int]:
        """Reaps what has ended, of the children that are ours to wait for.

        Returns:
            Those that were no workers: pid to exit (code, or -signal).
        """
        return self._ipcm_reap()[1]

    def _ipcm_reap(self) -> tuple[dict[int, EndedWorker], dict[int, int]]:
        state = self._ipcm_state
        workers: dict[int, EndedWorker] = {}
        pids: dict[int, int] = {}
        if state.children is None:
            return workers, pids
        now = state.clock.time()
        ended: dict[int, int | None] = {**state.children.reap(self.reap_all)}
        # Of those that somebody else has waited for, only that is known.
        lost, state.children.lost = state.children.lost, set()
        ended.update(dict.fromkeys(lost))
        for pid, exit in ended.items():
            worker = state.workers.pop(pid, None)
            if worker is not None:
                workers[pid] = EndedWorker(pid, worker.name, exit, now)
                state.telemetry.ended_workers.append(workers[pid])
                self._ipcm_control.emit(WorkerEvent(self.name, now, pid, worker.name, -1, exit))
            elif exit is not None:
                pids[pid] = exit
                state.telemetry.reaped.append(ReapedChild(pid, exit, now))
        return workers, pids

    def terminate_workers(self) -> None:
        """Ends the workers: TERM, and KILL for those still there `worker_grace` seconds later."""
        self.reap_workers()
        living = self._ipcm_signal_workers(SIGTERM)
        if wait_dead(living, check_seconds(self.worker_grace, "worker_grace")):
            wait_dead(self._ipcm_signal_workers(SIGKILL), _KILLED)
        self.reap_workers()

    def _ipcm_signal_workers(self, sig: int) -> list[ProcessIdentity]:
        state, living = self._ipcm_state, []
        for pid in state.workers:
            if state.children is not None and pid not in state.children.pids:
                continue  # somebody else has waited for it, and the pid may be a stranger's
            try:
                who = identify(pid)
                send_signal(who, sig)
            except ProcessLookupError:
                continue  # ended this instant; it is reaped below
            living.append(who)
        return living
