"""The children that are ours to wait for."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import ClassVar

__all__ = ["Children"]


class Children:
    """Waits by pid, so that children of subprocess, multiprocessing and asyncio stay theirs.

    While tracking, children of plain `os.fork` are adopted as they appear: what is new in
    /proc/self/task/*/children after a fork that no library made.

    Attributes:
        lost: pids that somebody else has waited for.
    """

    _active: ClassVar[Children | None] = None
    _registered: ClassVar = False

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._before: frozenset[int] | None = None
        self.lost: set[int] = set()

    @property
    def pids(self) -> frozenset[int]:
        """The children."""
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
        return self._reap_all() if all else self._reap_ours()

    def _reap_ours(self) -> dict[int, int]:
        ended: dict[int, int] = {}
        for pid in list(self._pids):
            try:
                done, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                self._pids.discard(pid)
                self.lost.add(pid)
                continue
            if done:
                self._pids.discard(pid)
                ended[pid] = os.waitstatus_to_exitcode(status)
        return ended

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
        """From now on children of plain forks in this process are adopted."""
        if not Children._registered:
            Children._registered = True
            os.register_at_fork(
                before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child
            )
        Children._active = self

    def stop_tracking(self) -> None:
        """Ends that."""
        if Children._active is self:
            Children._active = None

    @staticmethod
    def leave_alone(pid: int) -> None:
        """A child that was just forked is none of those that are tracked."""
        if Children._active is not None:
            Children._active.disown(pid)

    def note_before(self) -> None:
        """A fork is about to happen."""
        self._before = None if _made_by_library() else _children()

    def note_after(self) -> None:
        """It has happened."""
        if self._before is not None:
            self._pids |= _children() - self._before
        self._before = None


def _before_fork() -> None:
    if Children._active is not None:
        Children._active.note_before()


def _after_fork() -> None:
    if Children._active is not None:
        Children._active.note_after()


def _in_child() -> None:
    Children._active = None


def _made_by_library() -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] in ("multiprocessing", "subprocess", "asyncio"):
            # A service's own loop may run inside asyncio; only the innermost callers count.
            return bool(module.partition(".")[0] != "asyncio")
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _children() -> frozenset[int]:
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            with open(f"/proc/self/task/{task}/children", "rb") as file:
                found.update(map(int, file.read().split()))
    return frozenset(found)
