"""The children that are ours to wait for."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from types import FrameType
from typing import ClassVar, Final

from ipcm._os.linux import require_linux
from ipcm.errors import UnsupportedError

__all__ = ["Children", "is_foreign", "library_forks"]

_CHILDREN: Final = "/proc/thread-self/children"
_NEAR: Final = 3


class Children:
    """Waits by pid, so that children of subprocess, multiprocessing and asyncio stay theirs.

    While tracking, children of plain `os.fork` are adopted as they appear: what is new among the
    children of the forking thread after a fork that no library made, proc_tid_children(5).

    Attributes:
        lost: pids that somebody else has waited for; whoever reads them clears them.
    """

    _active: ClassVar[Children | None] = None
    _registered: ClassVar = False

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._helpers: set[int] = set()
        self._before: dict[int, frozenset[int]] = {}
        self.lost: set[int] = set()

    @property
    def pids(self) -> frozenset[int]:
        """The children that are ours."""
        return frozenset(self._pids)

    def adopt(self, pid: int) -> None:
        """This child is ours to wait for."""
        self._pids.add(pid)

    def disown(self, pid: int) -> None:
        """Somebody else waits for it."""
        self._pids.discard(pid)

    def reap(self, all: bool = False) -> dict[int, int]:
        """Waits for those that have ended; never blocks.

        Args:
            all: every child, whoever it belongs to.

        Returns:
            Pid to exit (code, or -signal).
        """
        ended = self._reap_all() if all else {}
        # Also after all: those that somebody else has waited for are to be dropped.
        ours, lost = _reap_each(self._pids)
        self.lost |= lost
        ended.update(ours)
        gone = self._helpers & ended.keys()
        _reap_each(self._helpers)
        return {pid: exit for pid, exit in ended.items() if pid not in gone}

    def _reap_all(self) -> dict[int, int]:
        ended: dict[int, int] = {}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            ended[pid] = os.waitstatus_to_exitcode(status)
        self._pids -= ended.keys()
        return ended

    def start_tracking(self) -> None:
        """From now on children of plain forks in this process are adopted.

        Raises:
            UnsupportedError: not on this platform, or a kernel without /proc/TID/children.
        """
        require_linux("tracking forks")
        if not os.path.exists(_CHILDREN):
            raise UnsupportedError(f"tracking forks needs {_CHILDREN} (CONFIG_PROC_CHILDREN)")
        if not Children._registered:
            Children._registered = True
            os.register_at_fork(
                before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child
            )
        Children._active = self

    def stop_tracking(self) -> None:
        """From now on no child is adopted."""
        if Children._active is self:
            Children._active = None

    @staticmethod
    def leave_alone(pid: int) -> None:
        """A child that was just forked is a helper: it is waited for, and nobody is told."""
        if Children._active is not None:
            Children._active.disown(pid)
            Children._active._helpers.add(pid)

    def note_before(self) -> None:
        """This thread is about to fork."""
        # Those of all threads: when one ends, its children become another's, maybe this one's.
        self._before[threading.get_ident()] = _children_of_all()

    def note_after(self) -> None:
        """It has forked, or failed to."""
        before = self._before.pop(threading.get_ident(), None)
        if before is not None:
            self._pids |= _children() - before


def is_foreign(pid: int) -> bool:
    """Whether a process lives that is no child of this one, and not ours to wait for."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, OverflowError):
        return os.path.exists(f"/proc/{pid}")
    return False


def _before_fork() -> None:
    if Children._active is not None and not library_forks(sys._getframe(1)):
        Children._active.note_before()


def _after_fork() -> None:
    if Children._active is not None:
        Children._active.note_after()


def _in_child() -> None:
    Children._active = None


def library_forks(frame: FrameType | None) -> bool:
    """Whether the fork comes from a library that waits for its children itself.

    Only the nearest frames tell: further out multiprocessing is on the stack of everything that
    runs in a child of its own. asyncio forks through subprocess.
    """
    for _ in range(_NEAR):
        if frame is None:
            return False
        module = frame.f_globals.get("__name__") or ""
        if module == "subprocess" or module.endswith(".popen_fork"):
            return True
        frame = frame.f_back
    return False


def _children() -> frozenset[int]:
    """The children that the calling thread has made, and no other thread."""
    with open(_CHILDREN, "rb") as file:
        return frozenset(map(int, file.read().split()))


def _children_of_all() -> frozenset[int]:
    """The children of this process, whichever thread has made them."""
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        with (
            contextlib.suppress(FileNotFoundError, ProcessLookupError),  # it has ended meanwhile
            open(f"/proc/self/task/{task}/children", "rb") as file,
        ):
            found.update(map(int, file.read().split()))
    return frozenset(found)


def _reap_each(pids: set[int]) -> tuple[dict[int, int], set[int]]:
    """Waits for those that have ended, and takes them out.

    Returns:
        Pid to exit (code, or -signal); and those that somebody else has waited for.
    """
    ended: dict[int, int] = {}
    lost: set[int] = set()
    for pid in list(pids):
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            lost.add(pid)
            continue
        if done:
            ended[pid] = os.waitstatus_to_exitcode(status)
    pids -= lost | ended.keys()
    return ended, lost
