"""What every test stands under: an alarm, a process group, and a look at what it leaves behind."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from ipcm.role.handle import Handle
from tests.helpers import members_of

# An example is not wrong because the machine was busy, and neither is the making of it.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

# What a shell gives to a job in its background would go on to every process a test starts.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD):
    if signal.getsignal(number) is signal.SIG_IGN:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, usual)
signal.pthread_sigmask(signal.SIG_SETMASK, ())

PATIENT = 15.0
"""Seconds that a service may take to tell of itself where a test does not say how many."""

LEAVING = 10.0
"""Seconds that what a test has ended may take to be gone."""


class Group:
    """A process group for one test, so that whatever it starts can be found and ended.

    A placeholder holds the number while the test runs: a group without members is no group.
    """

    def __init__(self) -> None:
        self._before = os.getpgrp()
        # Not forked: that would copy the page tables of a large process for each test.
        self.id = os.posix_spawn("/bin/sleep", ["sleep", "3600"], {}, setpgroup=0)
        # On a terminal the foreground group is who Ctrl-C is for; the run has to stay in it.
        if not os.isatty(0):
            with contextlib.suppress(PermissionError):  # the leader of a session stays in its own
                os.setpgid(0, self.id)

    def leave(self) -> None:
        """This process and the placeholder are no members any more."""
        if os.getpgrp() != self._before:
            os.setpgid(0, self._before)
        os.kill(self.id, signal.SIGKILL)
        os.waitpid(self.id, 0)

    def members(self) -> list[int]:
        """Everybody in it who lives; to be asked after `leave`."""
        try:
            os.killpg(self.id, 0)  # there is seldom anybody to look for
        except ProcessLookupError:
            return []
        return members_of(group=self.id)

    def end(self) -> None:
        """Kills what is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.id, signal.SIGKILL)


def children() -> set[int]:
    """Those of this process, zombies included."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended
            found |= set(map(int, (task / "children").read_text().split()))
    return found


def descriptors() -> dict[int, str]:
    """The open ones, and what they stand for."""
    found = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):  # that of the listing itself
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found


def name_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        return f"{pid} ({command.decode(errors='replace').strip() or 'zombie'})"
    return str(pid)


@pytest.fixture
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A place for buses that nobody else has, and patience."""
    home = tmp_path_factory.mktemp("buses")
    home.chmod(0o700)
    # Not by the test's own `monkeypatch`, whose `undo` would put it among the user's buses.
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("IPCM_RUNTIME_DIR", str(home))
        patched.delenv("IPCM_BUS", raising=False)
        # To a user a service that does not answer at once is busy; here it may be the machine.
        patched.setattr(Handle.snapshot, "__defaults__", (PATIENT,))
        yield home


@pytest.fixture(autouse=True)
def nothing_left_behind(surroundings: Path) -> Iterator[None]:
    """Fails a test that leaves a child, a descriptor, a process or a bus behind."""
    home = surroundings
    children_before, open_before = children(), descriptors()
    group = Group()
    try:
        yield
    finally:
        group.leave()
        gone_by = time.monotonic() + LEAVING
        # Who has a session of its own is no member, and may be about to remove its files.
        while ((members := group.members()) or any(home.iterdir())) and time.monotonic() < gone_by:
            time.sleep(0.01)
        own = children() - children_before
        names = [name_of(pid) for pid in {*members, *own}]
        group.end()
    for pid in own:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
    leaked = {fd: what for fd, what in descriptors().items() if open_before.get(fd) != what}
    if leaked:
        gc.collect()  # what lies in a cycle is not leaked, and ResourceWarning tells of it
        leaked = {fd: what for fd, what in descriptors().items() if open_before.get(fd) != what}
    assert not names, f"left running, or not waited for: {names}"
    assert not leaked, f"left open: {leaked}"
    assert not list(home.iterdir()), f"left on disk: {list(home.iterdir())}"
