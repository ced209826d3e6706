"""Starts and ends the demo's services."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from typing import Any, Final, Self

import msgspec

from ipcm.bus import Bus, buses, spawn
from ipcm.demo.indexer import Indexer
from ipcm.demo.probe import Probe
from ipcm.demo.records import Farewell, IndexerReport, ProbeReport, StoreStats
from ipcm.demo.store import Store
from ipcm.demo.text import show_path
from ipcm.errors import IPCMError, NameTaken, RequestTimeout, UsageError
from ipcm.role.handle import Handle
from ipcm.role.launch import service

__all__ = ["Demo", "DemoPathError", "DemoSummary", "check_path"]

_GRACE: Final = 0.4
_PATIENCE: Final = 0.4
_BRIEFLY: Final = 0.02


class DemoPathError(UsageError):
    """The demo cannot run on this path.

    Attributes: path: what was asked for.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{show_path(os.fsencode(path))!r}: {why}")
        self.path = path


class DemoSummary(msgspec.Struct, frozen=True):
    """What the demo has done so far.

    Attributes:
        files_indexed, bytes: what the store knows.
        workers_run: workers that the indexer has started.
        requests_answered: by all services. peers_seen: distinct names on the bus.
        errors: requests that failed, workers that failed, files given up, and files and
            directories that cannot be read.
    """

    files_indexed: int = 0
    bytes: int = 0
    workers_run: int = 0
    requests_answered: int = 0
    errors: int = 0
    peers_seen: int = 0


class Demo:
    """A bus with the services `store`, `indexer` and `probe` on it; `with` starts and ends them.

    Entering takes a few ten milliseconds. Where it fails or is interrupted, what has been started
    is ended. A program that signals may end wraps it in `shielded`: an exception that comes
    between a fork and the moment its pid is known leaves a child for the parent's end.

    Args:
        path: the directory to index.
        name: of the bus; None for `demo`, or `demo-2` and so on where that is taken.

    Attributes:
        path: the directory, absolute. bus: the bus. store, indexer, probe: their handles.

    Raises:
        DemoPathError: the path is no directory that can be read.
    """

    bus: Bus
    store: Handle
    indexer: Handle
    probe: Handle

    def __init__(self, path: str | os.PathLike[str] = ".", name: str | None = None) -> None:
        self.path = check_path(path)
        self._name = name
        self._trying = ""
        self._undo = contextlib.ExitStack()
        self._stats = StoreStats()
        self._indexer = IndexerReport("walking", 0, 0, 0, 0, 0, 0, 0, {}, 0, 0, 0)
        self._probe = ProbeReport(0, 0, 0, 0, {}, 0.0, "")
        self._answered = {"store": (0, 0), "indexer": (0, 0), "probe": (0, 0)}

    def __enter__(self) -> Self:
        """Starts everything.

        Raises:
            ServiceStartError, NameTaken, InvalidName, InsecureDirectory, UnsupportedError.
        """
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        # Before there is a bus: where an interrupt hits `spawn` itself, nobody holds the bus.
        self._undo.callback(self._end_lost_bus)
        self.bus = self._spawn()
        self._undo.callback(self.bus.shutdown, _GRACE)
        self.store = self._serve("store", Store)
        root = os.fsencode(self.path)
        self.indexer = self._serve("indexer", Indexer, root=root)
        self.probe = self._serve("probe", Probe)

    def _spawn(self) -> Bus:
        for number in itertools.count(1):
            own = "demo" if number == 1 else f"demo-{number}"
            self._trying = own if self._name is None else self._name
            try:
                return spawn(self._trying)
            except NameTaken:
                self._trying = ""
                if self._name is not None:
                    raise
        raise AssertionError("unreachable: numbers do not end")

    def _serve(self, name: str, maker: Any, **params: Any) -> Handle:
        # To its file: the screen belongs to whoever started the demo.
        handle: Handle = service(
            name, maker, bus=self.bus, handle_name=f"demo-{name}", output="bus", last_words=True,
            **params,
        )  # fmt: skip
        self._undo.callback(handle.close, _GRACE)
        return handle

    def _end_lost_bus(self) -> None:
        if not self._trying or hasattr(self, "bus"):
            return
        for bus in buses():
            if bus.name == self._trying and bus.owner_pid == os.getpid():
                bus.shutdown(_GRACE)

    def close(self) -> None:
        """Ends the services and the bus, within a second; repeatable."""
        bus = getattr(self, "bus", None)
        with self._undo:
            if bus is not None:
                # All at once: what the handles do after it only collects what has ended.
                bus.shutdown(_GRACE)

    def summary(self, timeout: float = _PATIENCE) -> DemoSummary:
        """What has been done so far; of a service that has ended what it had done by then, and of
        one that does not answer what it said last.

        Args:
            timeout: seconds that all of them have to answer.

        Raises:
            UsageError: the demo was never started.
        """
        if not hasattr(self, "probe"):
            raise UsageError("the demo is not running: use it in a `with` statement")
        deadline = time.monotonic() + timeout
        for name, handle in (
            ("store", self.store), ("indexer", self.indexer), ("probe", self.probe)
        ):  # fmt: skip
            try:
                self._ask(name, handle, deadline)
            except RequestTimeout:
                pass  # it is busy
            except IPCMError:
                self._hear(name)
        return self._add_up()

    def _ask(self, name: str, handle: Handle, deadline: float) -> None:
        total = handle.snapshot(_left(deadline)).total
        self._answered[name] = (total.count, total.errors)
        request: dict[str, Any] = {"endpoint": "stats" if name == "store" else "report", "args": {}}
        self._note(name, handle.request(request, _left(deadline)))

    def _hear(self, name: str) -> None:
        """Takes in the last words of a service that has ended, if it had any."""
        line = self.bus.output(name).tail(1)
        with contextlib.suppress(msgspec.DecodeError):
            last = msgspec.json.decode(line, type=Farewell)
            self._note(name, last.figures)
            self._answered[name] = (last.answered, last.errors)

    def _note(self, name: str, figures: Any) -> None:
        match name:
            case "store":
                self._stats = msgspec.convert(figures, StoreStats)
            case "indexer":
                self._indexer = msgspec.convert(figures, IndexerReport)
            case _:
                self._probe = msgspec.convert(figures, ProbeReport)

    def _add_up(self) -> DemoSummary:
        # What the store answered with an error is among its own errors already.
        unanswered = self._probe.failed - self._probe.refused
        return DemoSummary(
            files_indexed=self._stats.files_indexed,
            bytes=self._stats.bytes,
            workers_run=self._indexer.workers_run,
            requests_answered=sum(count for count, _ in self._answered.values()),
            errors=self._stats.errors
            + self._indexer.workers_failed
            + self._indexer.files_failed
            + sum(errors for _, errors in self._answered.values())
            + unanswered,
            peers_seen=self._stats.peers_seen,
        )


def check_path(path: str | os.PathLike[str]) -> str:
    """Makes sure that a directory can be indexed.

    Returns:
        Its absolute path, without links.

    Raises:
        DemoPathError: it is not there, not a directory, or cannot be read.
    """
    shown = os.fspath(path)
    try:
        real = os.path.realpath(shown, strict=True)
        if not os.path.isdir(real):
            folder = os.path.dirname(os.path.abspath(shown))
            raise DemoPathError(
                shown, f"this is a file; give its directory: {show_path(os.fsencode(folder))}"
            )
        with os.scandir(real) as entries:
            next(entries, None)
        if not os.access(real, os.R_OK | os.X_OK):
            raise PermissionError(None, "Permission denied")
    except FileNotFoundError:
        raise DemoPathError(shown, "there is no such directory") from None
    except NotADirectoryError:
        raise DemoPathError(shown, "a part of this path is a file") from None
    except PermissionError:
        raise DemoPathError(
            shown, "this directory cannot be read by you; give another, or change its permissions"
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DemoPathError(shown, f"this directory cannot be used: {why}") from None
    return real


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), _BRIEFLY)
