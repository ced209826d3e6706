"""What a worker of the indexer does with its batch."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from ipcm.bus import connect
from ipcm.client import Client
from ipcm.demo.digest import digest_file
from ipcm.demo.records import BatchDone, FileFacts, SkippedFile
from ipcm.errors import Backpressure, IPCMError

__all__ = ["Job", "Pieces", "patiently", "run_job"]

PIECE_FILES: Final = 64
PIECE_BYTES: Final = 256 << 10
_TIMEOUT: Final = 30.0
_NICE: Final = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A batch, and where its results go.

    Attributes:
        peer: name that the worker takes on the bus. ipcm_info: the bus.
        store, indexer: peer names. root: absolute path. serial, paths: the batch.
    """

    peer: str
    ipcm_info: str
    store: str
    indexer: str
    root: bytes
    serial: int
    paths: list[bytes]


class Pieces:
    """Collects results, and cuts them into pieces far below the frame cap, each of which costs
    the store a few milliseconds only.
    """

    def __init__(self, most_files: int = PIECE_FILES, most_bytes: int = PIECE_BYTES) -> None:
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._files: list[FileFacts] = []
        self._skipped: list[SkippedFile] = []
        self._bytes = 0

    def add(self, result: FileFacts | SkippedFile) -> dict[str, Any] | None:
        """Adds one; returns the arguments of `store.add` where a piece is full."""
        if isinstance(result, FileFacts):
            self._files.append(result)
            # A character takes at most four bytes, but mostly one.
            self._bytes += len(result.text or "")
        else:
            self._skipped.append(result)
        self._bytes += len(result.path) + 100
        full = len(self._files) + len(self._skipped) >= self._most_files
        return self.rest() if full or self._bytes >= self._most_bytes else None

    def rest(self) -> dict[str, Any] | None:
        """What is left; None for nothing."""
        if not (self._files or self._skipped):
            return None
        piece = {"files": self._files, "skipped": self._skipped}
        self._files, self._skipped, self._bytes = [], [], 0
        return piece


def run_job(job: Job) -> int:
    """Digests the files of a batch and has the store add them; tells the indexer at the end.

    Returns:
        The exit code: 0 only where the store has confirmed everything.
    """
    with contextlib.suppress(OSError):  # a politeness, not a need
        os.nice(_NICE)
    try:
        with connect(job.peer, job.ipcm_info) as client:
            done = _work(client, job)
            patiently(client, lambda: client.send_message(job.indexer, done))
    except IPCMError as error:
        print(f"{job.peer}: batch {job.serial}: {error}", file=sys.stderr)  # noqa: T201 (its output is a log)
        return 1
    return 0


def _work(client: Client, job: Job) -> BatchDone:
    pieces = Pieces()
    size = skipped = 0
    for path in job.paths:
        result = digest_file(job.root, path)
        if isinstance(result, FileFacts):
            size += result.size
        else:
            skipped += 1
        _store(client, job.store, pieces.add(result))
    _store(client, job.store, pieces.rest())
    return BatchDone(job.serial, len(job.paths), size, skipped)


def _store(client: Client, store: str, piece: dict[str, Any] | None) -> None:
    """Has the store add a piece: only its answer proves that it did."""
    if piece is not None:
        request = {"endpoint": "add", "args": piece}
        patiently(client, lambda: client.request(store, request, _TIMEOUT))


class HasRoomLater(Protocol):
    """What `patiently` needs of a client."""

    def flush(self, timeout: float | None = None) -> bool: ...
    def poll(self, timeout: float | None = 0.0) -> bool: ...


def patiently(client: HasRoomLater, send: Callable[[], object], patience: float = _TIMEOUT) -> None:
    """Sends, and again for as long as the receiver has no room.

    Raises:
        Backpressure: it still has none after `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            send()
            return
        except Backpressure:
            if time.monotonic() >= deadline:
                raise
            client.flush(1.0)
            client.poll(0.05)
