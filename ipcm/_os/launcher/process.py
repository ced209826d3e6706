"""What the launcher does: forks on request, waits for its children, ends with its starter.

It has one thread and holds no lock, so that a fork of it is a clean one.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import importlib
import os
import select
import signal
import socket
import time
from collections.abc import Sequence
from typing import Final, NoReturn

import msgspec

from ipcm._os.descriptors import anonymous_file
from ipcm._os.fork import close_in_children, fork
from ipcm._os.fresh import call_entry, command_line
from ipcm._os.launcher.preload import Preload
from ipcm._os.launcher.words import Abandon, Birth, Launch, Leave, Word, encode_exit, receive
from ipcm._os.process import ProcessIdentity, identify, open_pidfd
from ipcm._os.surroundings import Surroundings

__all__ = ["main", "resume"]

_GRACE: Final = 1.5
"""Seconds that processes may take to end by themselves when their starter has ended."""


class Child(msgspec.Struct, frozen=True):
    """One that was launched; `report` is the write end of the pipe to its starter."""

    launch: int
    pid: int
    report: int
    keep: bool


class State(msgspec.Struct):
    """What a launcher that begins anew has to know; descriptors keep their numbers.

    Attributes:
        line: the socket to the starter.
        pid, start: who the starter is; see `ProcessIdentity`.
        modules: imported in the beginning.
        pending: a launch that it began anew for, with its descriptors.
    """

    line: int
    pid: int
    start: int
    modules: list[str]
    children: list[Child] = []
    pending: tuple[Launch, list[int]] | None = None


class Launcher:
    """The process's one object; raises ProcessLookupError where its starter has ended."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._line = socket.socket(fileno=state.line)
        self._starter = open_pidfd(ProcessIdentity(state.pid, state.start))
        self._preload = Preload()
        self._surroundings = b""
        self._children: dict[int, Child] = {}
        # By the pipe that has no room for it, because its starter does not read.
        self._exits: dict[int, bytes] = {}
        self._poll = select.poll()
        for fd in (state.line, self._starter, self._preload.fileno()):
            self._poll.register(fd, select.POLLIN)
        for child in state.children:
            self._watch(child)
        close_in_children(self)

    def run(self) -> None:
        """Serves until its starter ends; raises SystemExit where it is sent away."""
        if self._state.pending is not None:
            self._heed(*self._state.pending)
        while True:
            for fd, _ in self._poll.poll():
                if fd in self._children:
                    self._bury(fd)
                elif fd in self._exits:
                    self._poll.unregister(fd)
                    self._tell_exit(fd)
                elif fd == self._preload.fileno():
                    self._preload.learn(self._surroundings)
                elif fd == self._starter or not self._listen():
                    self._follow()
                    return

    def _listen(self) -> bool:
        """Does what one word says; False at the end of the line."""
        try:
            received = receive(self._line)
        except ConnectionError:
            return False
        if received is not None:
            self._heed(*received)
        return received is not None

    def _heed(self, word: Word, descriptors: list[int]) -> None:
        try:
            match word:
                case Launch() if descriptors:
                    try:
                        self._launch(word, descriptors)
                    except OSError as error:
                        with contextlib.suppress(BrokenPipeError):  # nobody waits for it
                            Birth(errno=error.errno or 0).write(descriptors[0])
                case Launch():
                    pass  # none of them fitted into our table: the pipe's end tells the starter
                case Abandon(id=id):
                    for child in self._children.values():
                        if child.launch == id:
                            os.kill(child.pid, signal.SIGKILL)
                case Leave():
                    raise SystemExit
        finally:
            for fd in descriptors:
                os.close(fd)

    # Launching

    def _launch(self, word: Launch, given: list[int]) -> None:
        if len(given) < word.given:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        report, around, *descriptors = given
        # Not read(): the position is shared with whoever reads it another time.
        self._surroundings = os.pread(around, os.fstat(around).st_size, 0)
        if self._preload.stale(self._surroundings):
            self._begin_anew(word, given)

        def child() -> int | None:
            # What the modules here have registered is not the child's to do.
            atexit._clear()
            who = identify()
            Birth(who.pid, who.start).write(report)
            os.close(report)
            os.close(around)
            self._preload.begin()
            Surroundings.unpack(self._surroundings).put_on()
            return call_entry(word.entry, (*word.arguments, *descriptors))

        with contextlib.ExitStack() as undo:
            mine = os.dup(report)
            undo.callback(os.close, mine)
            # There has to be room for a pidfd before there is a child that is to be watched.
            place = os.dup(report)
            try:
                pid = fork(child, hold=word.hold)
            finally:
                os.close(place)
            undo.pop_all()
        self._watch(Child(word.id, pid, mine, word.keep))

    def _watch(self, child: Child) -> None:
        pidfd = os.pidfd_open(child.pid)
        self._children[pidfd] = child
        self._poll.register(pidfd, select.POLLIN)

    def _begin_anew(self, word: Launch, given: list[int]) -> NoReturn:
        """Forgets by exec what it has imported; its children stay its children."""
        state, children = self._state, list(self._children.values())
        state.children, state.pending = children, (word, given)
        told = anonymous_file("ipcm launcher", msgspec.msgpack.encode(state))
        for fd in (told, state.line, *given, *(child.report for child in children)):
            os.set_inheritable(fd, True)
        command = command_line("ipcm._os.launcher.process:resume", [str(told)], None)
        os.execv(command[0], command)

    # Endings

    def _bury(self, pidfd: int) -> None:
        """Waits for one that has ended, and tells its starter, once there is room for it."""
        child = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(child.pid, 0)
        self._exits[child.report] = encode_exit(os.waitstatus_to_exitcode(status))
        room = select.poll()
        room.register(child.report, select.POLLOUT)
        if room.poll(0):
            self._tell_exit(child.report)
        else:
            self._poll.register(child.report, select.POLLOUT)

    def _tell_exit(self, report: int) -> None:
        exit = self._exits.pop(report)
        with contextlib.suppress(OSError):  # nobody listens any more
            os.write(report, exit)
        os.close(report)

    def _follow(self) -> None:
        """The starter has ended: so do those that were to end with it."""
        deadline = time.monotonic() + _GRACE
        for fd in (self._line.fileno(), self._starter, self._preload.fileno(), *self._exits):
            self._poll.unregister(fd)
        while any(not child.keep for child in self._children.values()):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            for fd, _ in self._poll.poll(int(left * 1000) + 1):
                if fd in self._children:
                    self._bury(fd)
        for child in self._children.values():
            if not child.keep:
                os.kill(child.pid, signal.SIGKILL)

    def forget_after_fork(self) -> None:
        """Closes, in a child, what is the launcher's."""
        self._line.close()
        os.close(self._starter)
        for pidfd, child in self._children.items():
            os.close(pidfd)
            os.close(child.report)
        for report in self._exits:
            os.close(report)


def main(pid: str, start: str, *arguments: str | int) -> None:
    """Entry of the process.

    Args:
        pid, start: the starter's identity.
        arguments: modules to import beforehand; the last one is the descriptor of its line.
    """
    *modules, line = arguments
    assert isinstance(line, int)
    # Neither Ctrl-C at the terminal nor a notebook's interrupt is for what runs in here.
    os.setsid()
    os.closerange(line + 1, 1 << 16)
    _run(State(line, int(pid), int(start), [str(module) for module in modules]))


def resume(told: str) -> None:
    """Entry of a launcher that begins anew."""
    with open(int(told), "rb") as file:
        state = msgspec.msgpack.decode(file.read(), type=State)
    given = () if state.pending is None else state.pending[1]
    for fd in (state.line, *given, *(child.report for child in state.children)):
        os.set_inheritable(fd, False)
    _run(state)


def _run(state: State) -> None:
    _import(state.modules)
    gc.collect()
    with contextlib.suppress(ProcessLookupError):  # the starter was quick to end
        Launcher(state).run()


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)
