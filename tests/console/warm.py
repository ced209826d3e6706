"""`ipcm` commands in processes of their own that need not load Python and ipcm anew.

A process that has loaded what every command loads, and has done nothing with it, forks for each
of them. The child goes on as `python -m ipcm` would: with its own arguments, environment,
directory, process group and standard streams; what a verb needs beyond that it loads itself.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys

__all__ = ["Warm", "at_start"]

LOADED = (
    "importlib.metadata",
    "ipcm.console.command_line",
    "ipcm.transports.memory.port",
    "ipcm.transports.unix.keeper",
    "ipcm.transports.unix.port",
)
"""What every command on a bus loads."""


def at_start(environment: dict[str, str]) -> dict[str, str]:
    """The part that an interpreter heeds when it starts."""
    heeded = ("PYTHON", "LC_", "LANG")
    return {name: value for name, value in environment.items() if name.startswith(heeded)}


class Warm:
    """The process that forks, seen from the tests. It ends when it is closed, or they end."""

    def __init__(self) -> None:
        self._wire, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.environment = at_start(dict(os.environ))
        command = [sys.executable, "-m", __name__, str(other.fileno())]
        with other:
            self._process = subprocess.Popen(command, pass_fds=[other.fileno()])

    def close(self) -> None:
        """See the class."""
        self._wire.close()
        self._process.wait()

    def run(self, *words: str, input: str, limit: float) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with its output captured.

        Raises:
            subprocess.TimeoutExpired: it took longer than the limit (seconds), and was killed.
        """
        about = {
            "words": words, "environment": dict(os.environ), "directory": os.getcwd(),
            "group": os.getpgrp(), "limit": limit,
        }  # fmt: skip
        reply, other = socket.socketpair()
        pipes = [os.pipe() for _ in range(3)]
        (stdin, to), (out, stdout), (err, stderr) = pipes
        theirs = [stdin, stdout, stderr, other.fileno()]
        with reply:
            try:
                socket.send_fds(self._wire, [json.dumps(about).encode()], theirs)
            finally:
                other.close()
                for fd in (stdin, stdout, stderr):
                    os.close(fd)
            try:
                os.write(to, input.encode())
                os.close(to)
                texts = read_all(out, err)
            finally:
                os.close(out)
                os.close(err)
            status = reply.recv(64)
        if status == b"late":
            raise subprocess.TimeoutExpired(words, limit)
        code = os.waitstatus_to_exitcode(int(status))
        return subprocess.CompletedProcess(words, code, *texts)


def read_all(*fds: int) -> list[str]:
    """What comes out of pipes, until nobody holds their other ends."""
    found: dict[int, list[bytes]] = {fd: [] for fd in fds}
    open_ones = set(fds)
    while open_ones:
        for fd in select.select(open_ones, [], [])[0]:
            piece = os.read(fd, 65536)
            found[fd].append(piece)
            if not piece:
                open_ones.remove(fd)
    return [b"".join(pieces).decode() for pieces in found.values()]


def serve(wire: socket.socket) -> None:
    """Forks as it is told to, for one after the other."""
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()
    while True:
        data, fds, _, _ = socket.recv_fds(wire, 1 << 20, 4)
        if not data:
            return
        about = json.loads(data)
        limit = about.pop("limit")
        pid = os.fork()
        if pid == 0:
            wire.close()
            os.close(fds[3])
            become(fds[:3], **about)
        for fd in fds[:3]:
            os.close(fd)
        with socket.socket(fileno=fds[3]) as reply:
            reply.send(wait_for(pid, limit))


def wait_for(pid: int, limit: float) -> bytes:
    """The wait status of a child, or `late`, after which there is no child."""
    pidfd = os.pidfd_open(pid)
    try:
        ended = select.select([pidfd], [], [], limit)[0]
    finally:
        os.close(pidfd)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    return str(status).encode() if ended else b"late"


def become(
    streams: list[int], words: list[str], environment: dict[str, str], directory: str, group: int
) -> None:
    """`python -m ipcm`, from here on."""
    os.setpgid(0, group)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", errors="backslashreplace", buffering=1, closefd=False)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    sys.path[0] = directory
    sys.argv = ["ipcm", *words]
    runpy.run_module("ipcm", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        serve(given)
