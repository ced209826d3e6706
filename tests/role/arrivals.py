"""Services and parts of them that a fresh interpreter can import."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import ipcm
from ipcm import Message, Request, Service, ServiceRole

__all__ = [
    "Adder",
    "Broken",
    "Busy",
    "Failing",
    "Importing",
    "Lacking",
    "Point",
    "RedirectingByEnvironment",
    "Where",
    "fail",
    "greet",
]


class Point:
    """An instance of an importable class."""

    def __init__(self, x: int) -> None:
        self.x = x

    def scale(self, service: Service, request: Request, message: Message) -> Any:
        return self.x * request.payload


class Where(Service):
    """Tells of its process."""

    def handle_request(self, request: Request, message: Message) -> Any:
        if request.payload == "exit":
            os._exit(5)
        if isinstance(request.payload, list):
            return repr(os.environ.get(request.payload[0]))
        main = sys.modules["__main__"]
        return {
            "pid": os.getpid(),
            "starter": os.getppid(),
            "set": self.pid,
            "watched": list(self.watch_pids or ()),
            "path": sys.path,
            "cwd": os.getcwd(),
            "argv": sys.argv,
            "main": getattr(main, "__file__", None),
            "fds": sorted(
                os.readlink(f"/proc/self/fd/{fd}").partition(":")[0]
                for fd in os.listdir("/proc/self/fd")
                if os.path.lexists(f"/proc/self/fd/{fd}")
            ),
            "stdin": os.readlink("/proc/self/fd/0"),
        }


class Adder(Service):
    """Has an endpoint."""

    @ipcm.endpoint
    def add(self, a: int, b: int = 0) -> int:
        """Adds."""
        return a + b


class Broken(Service):
    """Cannot be made."""

    def __init__(self, **params: Any) -> None:
        raise LookupError("no such table")

    def handle_request(self, request: Request, message: Message) -> Any: ...


class Failing(Where):
    """Cannot start."""

    def run_on_start(self) -> None:
        raise LookupError("no such table")


class RedirectingByEnvironment(Where):
    """Writes to the file that the environment names."""

    def redirect(self) -> None:
        from ipcm._os import stdio

        with open(os.environ["IPCM_TEST_LOG"], "w") as file:
            stdio.redirect(stdout=file.fileno(), stderr=file.fileno())
        print("printed", flush=True)

    def run_on_start(self) -> None:
        self.debug("to the original")


def greet(service: Service, request: Request, message: Message) -> Any:
    return f"hello {request.payload}"


def fail(service: Service) -> None:
    Path("/nowhere/at/all").read_text()


class Busy(Service):
    """Never comes back from a request."""

    def handle_request(self, request: Request, message: Message) -> Any:
        while True:
            time.sleep(60)


class Importing(Service):
    """Tells what of this package was imported from its making to its start."""

    def __init__(self, **params: Any) -> None:
        self.before = set(sys.modules)
        super().__init__(**params)

    def handle_request(self, request: Request, message: Message) -> Any:
        return [name for name in set(sys.modules) - self.before if name.startswith("ipcm")]


class Lacking(ServiceRole):
    """Is no service yet."""

    orig_io = None
    watch_pids = ()

    def __init__(self, name: str, ipcm_info: str, pid: int, **_: Any) -> None:
        self.name, self.ipcm_info, self.pid = name, ipcm_info, pid
