"""Real processes for tests, none of which outlives its test."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import traceback
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "LIMIT",
    "died",
    "exit_of",
    "fds",
    "in_child",
    "read_all",
    "sleeping",
    "until_readable",
]

LIMIT = 20.0
"""Seconds after which a test that waits has failed."""


def fds() -> set[int]:
    """The open descriptors of this process."""
    found = set()
    for fd in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):  # the one that the listing itself was read from
            os.fstat(fd)
            found.add(fd)
    return found


def until_readable(fd: int, limit: float = LIMIT) -> bool:
    """Waits for one descriptor; False when the limit (seconds) is over."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(int(limit * 1000)))


def died(pid: int, limit: float = LIMIT) -> bool:
    """Whether a process, of whomever, ends within the limit; does not wait for it."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return until_readable(pidfd, limit)
    finally:
        os.close(pidfd)


def exit_of(pid: int, limit: float = LIMIT) -> int:
    """Waits for a child, and kills one that takes too long: its code, or -signal."""
    late = not died(pid, limit)
    if late:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert not late, f"the child did not end within {limit} s"
    return code


def read_all(fd: int, limit: float = LIMIT, end: bytes | None = None) -> bytes:
    """Reads to the end of a pipe, or to a byte that ends what is told; closes it."""
    data = b""
    try:
        while end is None or not data.endswith(end):
            assert until_readable(fd, limit), f"the pipe had no end within {limit} s"
            chunk = os.read(fd, 65536)
            if not chunk:
                return data
            data += chunk
        return data
    finally:
        os.close(fd)


@contextlib.contextmanager
def sleeping() -> Iterator[int]:
    """A child that does nothing until it gets a signal; killed and reaped at the end."""
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)
            while True:
                signal.pause()
        finally:
            os._exit(99)
    try:
        yield pid
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def in_child(test: Callable[[], Any], limit: float = LIMIT) -> Any:
    """Runs a test in a process of its own, where it may change what a process has only once.

    Its process group is killed in the end, so that nothing is left also of a test that fails.

    Returns:
        What the test returned, through JSON.

    Raises:
        AssertionError: it raised, with its traceback; or it ended otherwise, or never.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_child(test, write)
    os.close(write)
    try:
        data = read_all(read, limit, b"\n")
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has not come to be a group
            os.killpg(pid, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    assert data, f"it ended with {os.waitstatus_to_exitcode(status)} and told nothing"
    outcome = json.loads(data)
    assert "raised" not in outcome, outcome["raised"]
    return outcome["returned"]


def _be_child(test: Callable[[], Any], write: int) -> None:
    """Tells what came of the test in one line: its descendants may hold the pipe open."""
    try:
        os.setsid()
        me = os.getpid()
        outcome: dict[str, Any] = {}
        try:
            outcome["returned"] = test()
        except BaseException:  # noqa: BLE001 (it is told)
            outcome = {"raised": traceback.format_exc()}
        if os.getpid() != me:
            outcome = {"raised": f"a forked child came back into the test: {outcome}"}
        os.write(write, json.dumps(outcome).encode() + b"\n")
    finally:
        os._exit(0)
