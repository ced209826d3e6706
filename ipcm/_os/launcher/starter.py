"""The launcher, seen from the process with threads that has started it."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from signal import SIGKILL
from typing import Final

from ipcm._core.patience import milliseconds
from ipcm._os.child import reap
from ipcm._os.descriptors import anonymous_file
from ipcm._os.fresh import execute
from ipcm._os.launcher.words import Abandon, Birth, Launch, Leave, Word, send
from ipcm._os.process import ProcessIdentity, identify, send_signal
from ipcm._os.stdio import open_null
from ipcm._os.streams import fill_missing_descriptors
from ipcm._os.surroundings import Surroundings

__all__ = ["Lease", "end_launcher", "launch", "launcher_pid", "lease", "warm_launcher"]

_ATTEMPTS: Final = 3
_LEAVING: Final = 5.0
_DYING: Final = 2.0
"""Seconds."""

_ENTRY: Final = "ipcm._os.launcher.process:main"


class _Line:
    """This process's end of the line to one launcher."""

    def __init__(self, modules: Sequence[str]) -> None:
        me = identify()
        fill_missing_descriptors()
        self.sock, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        null = open_null()
        try:
            arguments = (str(me.pid), str(me.start), *modules)
            self.pid = execute(_ENTRY, arguments, (other.fileno(),), streams=(null, null, null))
            self._who = identify(self.pid)
        except BaseException:
            self.sock.close()
            raise
        finally:
            other.close()
            os.close(null)

    def ended(self, within: float = 0.0) -> bool:
        """Whether the launcher ends in so many seconds; it is waited for then."""
        if reap(self.pid, within) is None:
            if self._who.alive():
                return False
            reap(self.pid, 0.0)  # it has died between the two looks
        return True

    def end(self) -> None:
        """Lets it go, and waits for it."""
        with contextlib.suppress(OSError):  # it is gone already
            send(self.sock, Leave())
        self.sock.close()
        if reap(self.pid, _LEAVING) is None:
            # It is stopped, or the machine has been so busy that it is not there yet. It launches
            # nothing any more, and nobody would wait for it later on.
            with contextlib.suppress(ProcessLookupError):
                send_signal(self._who, SIGKILL)
            reap(self.pid, _DYING)


class _Launcher:
    """The one launcher of this process: there when it is needed, and gone when it is not."""

    def __init__(self) -> None:
        # Reentrant: a signal handler may come in while this thread holds it.
        self._lock = threading.RLock()
        self._line: _Line | None = None
        self._leases = 0
        self._pinned = False
        self._ids = itertools.count(1)

    @property
    def pid(self) -> int | None:
        """The launcher that lives now."""
        with self._lock:
            return self._line.pid if self._line is not None and not self._line.ended() else None

    def warm(self, modules: Sequence[str], pin: bool) -> None:
        with self._lock:
            self._pinned = self._pinned or pin
            self._living(modules)

    def _living(self, modules: Sequence[str]) -> _Line:
        self.drop_dead()
        if self._line is None:
            self._line = _Line(modules)
        return self._line

    def drop_dead(self, within: float = 0.0) -> None:
        """Forgets a launcher that has ended, or does so in so many seconds."""
        with self._lock:
            if self._line is not None and self._line.ended(within):
                self._line.sock.close()
                self._line = None

    def tell(self, word: Word, descriptors: Sequence[int], modules: Sequence[str]) -> None:
        with self._lock:
            for attempt in range(_ATTEMPTS):
                try:
                    send(self._living(modules).sock, word, descriptors)
                except ConnectionError:
                    if attempt + 1 == _ATTEMPTS:
                        raise
                    # A process that is killed closes its sockets some time before it has ended.
                    self.drop_dead(_DYING)
                else:
                    return

    def abandon(self, id: int) -> None:
        with self._lock, contextlib.suppress(OSError):  # dead: it will launch nothing
            if self._line is not None:
                send(self._line.sock, Abandon(id))

    def next_id(self) -> int:
        return next(self._ids)

    def hold(self) -> None:
        with self._lock:
            self._leases += 1

    def release(self) -> None:
        with self._lock:
            self._leases -= 1
            if self._leases <= 0 and not self._pinned:
                self.end()

    def end(self) -> None:
        with self._lock:
            self._pinned = False
            line, self._line = self._line, None
            if line is not None:
                line.end()

    def forget_after_fork(self) -> None:
        if self._line is not None:
            self._line.sock.close()


_launcher = _Launcher()


def _in_child() -> None:
    global _launcher
    _launcher.forget_after_fork()
    _launcher = _Launcher()


os.register_at_fork(after_in_child=_in_child)


class Lease:
    """Keeps the launcher there until it is closed; repeatable."""

    def __init__(self) -> None:
        self._of: _Launcher | None = _launcher
        _launcher.hold()

    def close(self) -> None:
        """The last one to close ends the launcher, unless it was asked for ahead."""
        of, self._of = self._of, None
        if of is _launcher:  # else this is a forked child, and that one is the parent's
            of.release()


@contextlib.contextmanager
def lease() -> Iterator[None]:
    """Keeps the launcher there during a block."""
    held = Lease()
    try:
        yield
    finally:
        held.close()


def warm_launcher(modules: Sequence[str] = (), *, pin: bool = True) -> None:
    """Starts the launcher ahead of its first use, and does not wait for it.

    Args:
        modules: what it imports beforehand.
        pin: it stays until `end_launcher` or the end of this process; else as long as a lease
            does.

    Raises:
        OSError: no process to be had.
    """
    _launcher.warm(modules, pin)


def end_launcher() -> None:
    """Ends the launcher, if there is one, and waits for it."""
    _launcher.end()


def launcher_pid() -> int | None:
    """The launcher's pid; None where there is none."""
    return _launcher.pid


def launch(
    entry: str,
    arguments: Sequence[str],
    descriptors: Sequence[int],
    *,
    modules: Sequence[str] = (),
    keep: bool = False,
    timeout: float | None = None,
    hold: Iterable[int] = (),
) -> tuple[ProcessIdentity, int]:
    """Has the launcher fork, and starts one where there is none, or where it has died.

    Args:
        entry, arguments, descriptors: see `execute`.
        modules: what a launcher that is started for this imports beforehand.
        keep: the process may outlive this one; else it gets a short time when this one ends.
        timeout: seconds that the fork may take.
        hold: see `execute`.

    Returns:
        The new process, and a descriptor to read: where the launcher lives to see it, it tells
        the exit there, as a line of JSON. What else is written there is the entry's affair, if
        it is given the pipe's other end among its descriptors: a negative one stands for it.

    Raises:
        OSError: no process to be had. TimeoutError: not in time.
    """
    for _ in range(_ATTEMPTS):
        read, write = os.pipe()
        id = _launcher.next_id()
        try:
            with contextlib.ExitStack() as given:
                given.callback(os.close, write)
                around = anonymous_file("ipcm surroundings", Surroundings.take().pack())
                given.callback(os.close, around)
                theirs = [write if fd < 0 else fd for fd in descriptors]
                sent = (write, around, *theirs)
                held = list(map(int, hold))
                word = Launch(id, entry, list(arguments), keep, len(sent), held)
                _launcher.tell(word, sent, modules)
            birth = _await_birth(read, id, timeout)
        except BaseException:
            os.close(read)
            raise
        if birth is not None and not birth.errno:
            return birth.identity(), read
        os.close(read)
        if birth is not None:
            raise OSError(birth.errno, os.strerror(birth.errno))
        _launcher.drop_dead(_DYING)
    raise ConnectionError("the launcher ends as soon as it is asked for something")


def _await_birth(read: int, id: int, timeout: float | None) -> Birth | None:
    """None where the launcher died before it had forked."""
    poll = select.poll()
    poll.register(read, select.POLLIN)
    try:
        if poll.poll(milliseconds(timeout)):
            return Birth.read(read)
        raise TimeoutError(f"the launcher did not fork within {timeout:g} s")
    except BaseException:
        _launcher.abandon(id)
        raise
