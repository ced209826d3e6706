"""The service that walks a tree, and forks workers that read what is new or changed."""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from typing import Any, Final

import msgspec

from ipcm.demo.base import DemoService
from ipcm.demo.crawl import Batch, Crawl
from ipcm.demo.records import BatchDone, IndexerReport, WalkReport
from ipcm.demo.walk import Walk, pseudo_devices
from ipcm.demo.worker import Job, run_job
from ipcm.errors import IPCMError, ServiceStartError
from ipcm.message import Message, Response
from ipcm.role.endpoints import endpoint
from ipcm.role.launch import worker

__all__ = ["Indexer"]

_SLICE: Final = 0.025
_GRACE: Final = 1.0
_REPORT_EVERY: Final = 1.0


@dataclasses.dataclass(slots=True)
class _Running:
    """A worker; `done`: it said so. `gone`: when it was first seen to have ended."""

    peer: str
    serial: int
    done: bool = False
    gone: float | None = None


class Indexer(DemoService):
    """Walks a tree in slices on its interval, has workers digest what is new or changed, and the
    store forget what is gone.

    The directories of version control, package managers and caches are left out, and so are
    links and everything else that is no regular file.

    Args:
        root: the tree. store: peer name of the store.
        workers: how many run at a time; None for one per processor, 2 to 4.
        most_files: files that are indexed. rest: seconds between passes, at least.
        params: as for `Service`.
    """

    interval = 0.1

    def __init__(
        self,
        *,
        root: bytes,
        store: str = "store",
        workers: int | None = None,
        most_files: int = 250_000,
        rest: float = 1.0,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._root = root
        self._store = store
        self._most_workers = workers or min(max(os.cpu_count() or 2, 2), 4)
        self._most_files = most_files
        self._rest = rest
        self._running: dict[int, _Running] = {}
        self._started = 0
        self._failed = 0
        self._reported = (-1, -1)
        self._next_report = 0.0

    @functools.cached_property
    def _crawl(self) -> Crawl:
        # Not in __init__: constructing a service does no I/O.
        avoid = pseudo_devices(self._root)
        return Crawl(
            lambda: Walk(self._root, avoid=avoid), most_files=self._most_files, rest=self._rest
        )

    def figures(self) -> IndexerReport:
        """See `DemoService`."""
        return self.report()

    @endpoint
    def report(self) -> IndexerReport:
        """How far the indexer is: its phase, files, workers, and what it left out."""
        crawl = self._crawl
        return IndexerReport(
            phase=crawl.phase.value,
            passes=crawl.passes,
            files_known=len(crawl.catalogue),
            queued=crawl.queued,
            workers_run=self._started,
            workers_failed=self._failed,
            files_failed=crawl.files_failed,
            directories=crawl.walk.directories,
            skipped=dict(crawl.walk.skipped),
            errors=crawl.walk.errors,
            left_out=crawl.walk.left_out,
            over_limit=crawl.catalogue.over,
        )

    def run_on_interval(self) -> None:
        """Looks after the workers, and walks on where the store is there to take the results."""
        super().run_on_interval()
        now = time.monotonic()
        self._look_after_workers(now)
        if not self.peer(self._store).ready():
            return
        self._crawl.turn(_SLICE)
        self._start_workers()
        self._send_removals()
        self._send_walk(now)

    def run_on_general_message(self, message: Message) -> None:
        """A worker says that it is done; anything else is somebody's mistake, and left alone."""
        super().run_on_general_message(message)
        try:
            done = msgspec.convert(message.content, BatchDone)
        except msgspec.ValidationError:
            return
        for running in self._running.values():
            if (running.peer, running.serial) == (message.sender, done.serial):
                running.done = True
                self._crawl.done(done.serial)
        self._look_after_workers(time.monotonic())
        self._start_workers()

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        """Begins again when the store leaves: the next one knows nothing."""
        super().run_on_peer_delta(delta)
        if delta.get(self._store, 0) < 0:
            self._crawl.reset()

    def run_on_cleanup(self) -> None:
        """Closes the directory that is being read."""
        super().run_on_cleanup()
        self._crawl.walk.close()

    # Workers

    def _look_after_workers(self, now: float) -> None:
        for pid, running in list(self._running.items()):
            if pid in self.workers:
                continue
            if running.done:
                del self._running[pid]
            elif running.gone is None:
                running.gone = now  # its last word may still be on the way
            elif now - running.gone > _GRACE:
                del self._running[pid]
                self._failed += 1
                self._crawl.failed(running.serial)

    def _start_workers(self) -> None:
        while sum(not r.done for r in self._running.values()) < self._most_workers:
            peer = self._free_name()
            batch = self._crawl.take() if peer else None
            if peer is None or batch is None:
                return
            try:
                self._start_worker(peer, batch)
            except ServiceStartError as error:  # no process: at the next interval, perhaps
                self._crawl.put_back(batch)
                self.note_error("starting a worker", error)
                return

    def _start_worker(self, peer: str, batch: Batch) -> None:
        job = Job(
            peer, self.ipcm_info, self._store, self.name, self._root, batch.serial, batch.paths
        )
        pid = worker(peer, lambda: run_job(job))
        self._started += 1
        self._running[pid] = _Running(peer, batch.serial)

    def _free_name(self) -> str | None:
        """A name that no worker has. They are few and come back, so that nobody on the bus keeps
        figures for more and more peers; a worker that is done may still be leaving.
        """
        taken = {running.peer for running in self._running.values()}
        for number in range(1, 2 * self._most_workers + 1):
            if (peer := f"{self.name}-worker-{number}") not in taken:
                return peer
        return None

    # The store

    def _send_removals(self) -> None:
        if not (paths := self._crawl.take_removals()):
            return
        request = {"endpoint": "remove", "args": {"paths": paths}}
        try:
            self.peer(self._store).send_request(request, self._on_removed)
        except IPCMError as error:
            self._crawl.removed(False)
            self.note_error("removing", error)

    def _on_removed(self, response: Response, _message: Message | None) -> None:
        self._crawl.removed(response.ok)

    def _send_walk(self, now: float) -> None:
        """Tells the store what the pass leaves out: as it goes in the first pass, at the end of
        each later one.
        """
        crawl = self._crawl
        skipped = crawl.walk.skipped.total() + crawl.catalogue.over
        figures = (skipped, crawl.walk.errors)
        if figures == self._reported or now < self._next_report:
            return
        if crawl.passes and not crawl.walk.done:
            return
        self._next_report = now + _REPORT_EVERY
        try:
            self.client().send_message(self._store, WalkReport(*figures))
            self._reported = figures
        except IPCMError as error:
            self.note_error("reporting", error)
