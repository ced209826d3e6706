"""A service's process, as the one who started it sees it."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterator
from signal import SIGKILL, SIGTERM
from typing import Any, Final

import msgspec

from ipcm._core.envelope import FAILURES
from ipcm._core.patience import milliseconds
from ipcm._os.child import failed_child, open_child, reap
from ipcm._os.fork import close_in_children
from ipcm._os.launcher.starter import Lease
from ipcm._os.process import ProcessIdentity, identify, open_pidfd, send_signal, wait_dead
from ipcm.errors import (
    NameTaken,
    RequestTimeout,
    ServiceDied,
    ServiceMisuse,
    ServiceNameTaken,
    ServiceStartError,
)
from ipcm.role.text import format_error, format_traceback

__all__ = ["Report", "ServiceProcess"]

_TELLING: Final = 1000
"""Milliseconds from the end of a launched process until the launcher has told of it."""

_LEAVING: Final = 1.0
"""Seconds from the end of what a process tells until it is gone."""

_TERMINATING: Final = 1.0
"""Seconds, at the most, from TERM to KILL."""

_DYING: Final = 1.0
"""Seconds from KILL until it is said to be gone."""

_MOST_TRACEBACK: Final = 32_000


class Report(msgspec.Struct, omit_defaults=True):
    """What the service's process tells its starter over their pipe, one JSON line each.

    Attributes:
        ready: the pid of the service, which is not the child's if it forked again.
        ended: whether it left in order. packed: its termination value, in MessagePack, which
            carries more than JSON; value: one that this cannot carry, its repr where JSON
            cannot either.
        failed: the exception that ended it, with `traceback`.
        taken: whether that was because a live peer, process `holder`, has the name.
        misuse: whether that was because of what it was to be made of.
        exit: how the process ended (code, or -signal): the launcher tells it.
    """

    ready: int | None = None
    ended: bool = False
    value: Any = None
    packed: bytes = b""
    failed: str | None = None
    traceback: str = ""
    taken: bool = False
    holder: int | None = None
    misuse: bool = False
    exit: int | None = None

    @classmethod
    def of(cls, error: BaseException) -> Report:
        """Of an end by an exception."""
        return cls(
            failed=format_error(error),
            traceback=format_traceback(error)[-_MOST_TRACEBACK:],
            taken=isinstance(error, NameTaken),
            holder=error.pid if isinstance(error, NameTaken) else None,
        )

    @classmethod
    def of_end(cls, value: Any) -> Report:
        """Of an end in order, with its value."""
        try:
            return cls(ended=True, packed=msgspec.msgpack.encode(value))
        except FAILURES:
            return cls(ended=True, value=value)

    def write(self, fd: int) -> bool:
        """Tells it; False where nobody is listening any more."""
        try:
            line = msgspec.json.encode(self)
        except FAILURES:
            self.value = repr(self.value)
            line = msgspec.json.encode(self)
        left = memoryview(line + b"\n")
        try:
            while left:  # a signal may cut a write short
                left = left[os.write(fd, left) :]
        except OSError:
            return False
        return True


class ServiceProcess:
    """Reads the reports, and ends and reaps the process.

    Args:
        name: of the service. child_pid: what fork returned. status: read end of the pipe.
        launched: who the child is, where it is not ours but the launcher's, which waits for it.

    Attributes:
        service_pid: the service's own pid, once it is ready.
    """

    def __init__(
        self, name: str, child_pid: int, status: int, *, launched: ProcessIdentity | None = None
    ) -> None:
        self.name = name
        self.child_pid = child_pid
        self.service_pid: int | None = None
        self._owner = os.getpid()
        self._status = status
        self._rest = bytearray()
        self._end: Report | None = None
        self._over = False
        self._exit: int | None = None
        self._reaped = False
        self._service: ProcessIdentity | None = None
        self._launched = launched
        self._lease = None if launched is None else Lease()
        self._pidfd = -1
        if launched is None:
            self._pidfd = open_child(child_pid)
        else:
            with contextlib.suppress(OSError):  # the pipe tells how it ended
                self._pidfd = open_pidfd(launched)
        close_in_children(self)

    def filenos(self) -> list[int]:
        """Descriptors one of which is readable when there is news of it."""
        return [fd for fd in (self._status, self._pidfd) if fd >= 0]

    def await_ready(self, timeout: float | None) -> bool:
        """Waits for the service to be ready; False where it ended, or the time-out came first."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.service_pid is None and not self._over:
            left = None if deadline is None else deadline - time.monotonic()
            self._read(left)  # once, also where there is no time
            if left is not None and left <= 0:
                break
        return self.service_pid is not None

    def wait_ready(self, timeout: float | None) -> None:
        """Waits for the service to be ready.

        Raises:
            ServiceStartError: it failed, ended, or was not ready in time; it is gone then.
        """
        if self.await_ready(timeout):
            return
        if not self._over:
            self.kill()
            raise ServiceStartError(self.name, f"{self.name!r} was not ready in {timeout:g} s")
        raise self._start_error()

    def _start_error(self) -> ServiceStartError:
        self._reap()
        self.close()
        end = self._end
        if end is None or end.failed is None:
            return ServiceStartError(
                self.name, f"{self.name!r} ended before it was ready ({self._describe_exit()})"
            )
        text = f"{self.name!r} failed to start: {end.failed}"
        if end.taken:
            return ServiceNameTaken(self.name, text, end.traceback, end.holder)
        if end.misuse:
            return ServiceMisuse(self.name, text, end.traceback)
        return ServiceStartError(self.name, text, end.traceback)

    def wait(self, timeout: float | None) -> Any:
        """Waits for the service to end.

        Returns:
            Its termination value.

        Raises:
            ServiceDied: it ended otherwise. RequestTimeout: it still runs.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._over:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise RequestTimeout(self.name, timeout or 0.0, f"{self.name!r} has not ended")
            self._read(left)
        self._reap()
        self.close()
        end = self._end
        if end is not None and end.ended:
            return msgspec.msgpack.decode(end.packed) if end.packed else end.value
        if end is not None and end.failed is not None:
            text = f"{self.name!r} ended by an exception: {end.failed}"
            raise ServiceDied(self.name, text, end.traceback, self._exit)
        text = f"{self.name!r} died ({self._describe_exit()})"
        raise ServiceDied(self.name, text, "", self._exit)

    def ended(self) -> bool:
        """Whether it has ended; never waits."""
        if not self._over:
            self._read(0.0)
        return self._over

    def may_be(self, pid: int) -> bool:
        """Whether that process may be the service; while one starts that forked again, any may."""
        if self.service_pid is not None:
            return pid == self.service_pid
        return self._pidfd < 0 or pid == self.child_pid

    def end(self, grace: float) -> None:
        """Waits `grace` seconds for it to end, then TERM, then KILL a second later."""
        for patience in self.pressed(grace):
            if self._await_end(patience):
                break
        self.bury()

    def pressed(self, grace: float) -> Iterator[float]:
        """The steps to its end. Whoever takes them waits for it after each one, and takes the
        next where it has not ended; `bury` comes last.

        Args:
            grace: seconds for it to end by itself.

        Yields:
            Seconds to wait.
        """
        yield grace
        self._signal(SIGTERM)
        yield min(grace, _TERMINATING)
        self._signal(SIGKILL)
        yield _DYING

    def kill(self) -> None:
        """Kills it, and the child that it came from."""
        self._signal(SIGKILL)
        self._await_end(_DYING)
        self.bury()

    def bury(self) -> None:
        """Waits for the process, which has ended or is about to, and closes the descriptors."""
        self._reap(force=True)
        self.close()

    def close(self) -> None:
        """Closes the descriptors; the process is left alone, and no more is heard of it."""
        self._over = True
        for fd in (self._status, self._pidfd):
            if fd >= 0:
                os.close(fd)
        self._status = self._pidfd = -1

    def forget_after_fork(self) -> None:
        """Closes the descriptors in a forked child."""
        self.close()

    # Reading

    def _read(self, timeout: float | None) -> None:
        """Takes in reports, waiting at most once."""
        poll = select.poll()
        if self._status >= 0:
            poll.register(self._status, select.POLLIN)
        if self._pidfd >= 0:
            poll.register(self._pidfd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(milliseconds(timeout))}
        if self._status in ready:
            chunk = os.read(self._status, 65536)
            self._rest += chunk
            if b"\n" in chunk:  # else there is no line yet, and one may be of many megabytes
                *lines, self._rest = self._rest.split(b"\n")
                for line in lines:
                    # One that it died in the middle of ends where the launcher's begins.
                    with contextlib.suppress(msgspec.DecodeError):
                        self._heed(msgspec.json.decode(line, type=Report))
            self._over = self._over or not chunk
        elif self._pidfd in ready:
            self._heed_end()

    def _heed_end(self) -> None:
        """The process has ended, and the pipe has not: somebody else holds it."""
        if self._launched is not None and self._service is None and self._await_exit():
            return
        if self.service_pid is not None or (self._launched is None and failed_child(self._pidfd)):
            self._over = True
        else:
            self._await_grandchild()

    def _await_exit(self) -> bool:
        """Whether the launcher tells the exit, for which it has to wait for the child first."""
        poll = select.poll()
        poll.register(self._status, select.POLLIN)
        return bool(poll.poll(_TELLING))

    def _await_grandchild(self) -> None:
        """Goes on without the child: it forked again, and left the pipe to the service it made."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _heed(self, report: Report) -> None:
        if report.exit is not None:
            self._heed_exit(report.exit)
        elif report.ready is not None:
            self._heed_ready(report.ready)
        else:
            self._end = report

    def _heed_exit(self, exit: int) -> None:
        self._exit = exit
        if self.service_pid == self.child_pid or (self.service_pid is None and exit):
            self._over = True
        elif self.service_pid is None:
            self._await_grandchild()

    def _heed_ready(self, pid: int) -> None:
        self.service_pid = pid
        if pid != self.child_pid:
            self._await_grandchild()  # the child's own end says nothing about the service
            try:
                self._service = identify(pid)
                self._pidfd = open_pidfd(self._service)
            except ProcessLookupError:
                self._over = True

    # Ending

    def _await_end(self, timeout: float) -> bool:
        # Reading all the while: it may have more to say than a pipe holds.
        deadline = time.monotonic() + timeout
        while not self._over and (left := deadline - time.monotonic()) > 0:
            self._read(left)
        return self._over

    def _signal(self, sig: int) -> None:
        try:
            send_signal(self._service or self._launched or identify(self.child_pid), sig)
        except ProcessLookupError:
            return

    def _reap(self, force: bool = False) -> None:
        if self._reaped or self._owner != os.getpid():
            return
        self._reaped = True
        if self._lease is not None:
            self._lease.close()
        else:
            self._exit = reap(self.child_pid, 5.0 if force or self._over else 0.0)
        if self._service is not None:
            self._exit = None
            wait_dead([self._service], _LEAVING)  # the pipe is closed a moment before it is gone

    def _describe_exit(self) -> str:
        if self._exit is not None:
            return (
                f"killed by signal {-self._exit}" if self._exit < 0 else f"exit code {self._exit}"
            )
        if self._launched is not None and self._service is None:
            return "exit code unknown: the launcher, which would have been told, has died"
        return "exit code unknown"
