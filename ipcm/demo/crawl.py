"""What is to be indexed next: the indexer without its processes."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ipcm.demo.walk import Found, Walk

__all__ = ["Batch", "Catalogue", "Crawl", "Phase"]

_STEP: Final = 256
_REST_FACTOR: Final = 9
_MOST_PATHS: Final = 1000
_PATH_BYTES: Final = 1 << 20


class Phase(enum.StrEnum):
    """Where a pass is. Each part waits for the end of the one before, so that what is removed
    can never be what a worker is about to add, nor the other way round.
    """

    WALKING = "walking"
    SETTLING = "settling"
    REMOVING = "removing"
    RESTING = "resting"


@dataclasses.dataclass(slots=True)
class Batch:
    """Files for one worker; `attempts` counts its failures."""

    serial: int
    paths: list[bytes] = dataclasses.field(default_factory=list)
    bytes: int = 0
    attempts: int = 0


class Catalogue:
    """Which files are known, and as what: changed is whose time, size or inode is another.

    Args:
        most: files that are kept; about 300 bytes of memory each.

    Attributes:
        over: files of this pass beyond that.
    """

    def __init__(self, most: int) -> None:
        self.over = 0
        self._most = most
        self._files: dict[bytes, tuple[int, int, int]] = {}
        self._missing: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._files)

    def begin(self) -> None:
        """A pass begins: nothing has been seen."""
        self.over = 0
        self._missing = set(self._files)

    def see(self, file: Found) -> bool:
        """Notes a file; whether it is new or changed."""
        self._missing.discard(file.path)
        signature = (file.mtime_ns, file.size, file.inode)
        before = self._files.get(file.path)
        if before == signature:
            return False
        if before is None and len(self._files) >= self._most:
            self.over += 1
            return False
        self._files[file.path] = signature
        return True

    def take_missing(self) -> list[bytes]:
        """Forgets the files that this pass has not seen, and returns them."""
        missing, self._missing = list(self._missing), set()
        for path in missing:
            del self._files[path]
        return missing

    def clear(self) -> None:
        """Forgets all."""
        self._files.clear()
        self._missing.clear()


class Crawl:
    """Walks over and over, and deals out batches of new or changed files.

    Args:
        walk: makes the walk of one pass.
        most_files: files in the catalogue. batch_files, batch_bytes: size of a batch.
        queue: batches that wait; a walk with a full queue pauses.
        rest: seconds between passes at least; they grow with the time a pass takes.

    Attributes:
        phase: see `Phase`. passes: finished ones. walk: the current or last walk.
        files_failed: files given up.
    """

    def __init__(
        self,
        walk: Callable[[], Walk],
        *,
        most_files: int = 250_000,
        batch_files: int = 64,
        batch_bytes: int = 16 << 20,
        queue: int = 16,
        rest: float = 1.0,
    ) -> None:
        self.phase = Phase.WALKING
        self.passes = 0
        self.files_failed = 0
        self.catalogue = Catalogue(most_files)
        self.walk = walk()
        self._make_walk = walk
        self._batch_files = batch_files
        self._batch_bytes = batch_bytes
        self._most_queued = queue
        self._rest = rest
        self._serials = itertools.count(1)
        self._open = Batch(next(self._serials))
        self._queue: deque[Batch] = deque()
        self._out: dict[int, Batch] = {}
        self._removals: deque[list[bytes]] = deque()
        self._removing = False
        self._worked = 0.0
        self._resume = 0.0

    @property
    def queued(self) -> int:
        """Batches that wait for a worker."""
        return len(self._queue) + bool(self._open.paths)

    def turn(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Goes on for at most about `seconds`."""
        began = clock()
        if self.phase is Phase.RESTING and began >= self._resume:
            self._begin()
        if self.phase is Phase.WALKING:
            self._go_on(began + seconds, clock)
            self._worked += clock() - began
        if self.phase is Phase.SETTLING and not (self.queued or self._out):
            self._prepare_removals()
            self.phase = Phase.REMOVING
        if self.phase is Phase.REMOVING and not (self._removals or self._removing):
            self.passes += 1
            self.phase = Phase.RESTING
            self._resume = clock() + max(self._rest, _REST_FACTOR * self._worked)

    def _begin(self) -> None:
        self.walk = self._make_walk()
        self.catalogue.begin()
        self._worked = 0.0
        self.phase = Phase.WALKING

    def _go_on(self, until: float, clock: Callable[[], float]) -> None:
        while len(self._queue) < self._most_queued and (left := until - clock()) > 0:
            for file in self.walk.step(left, _STEP, clock):
                if self.catalogue.see(file):
                    self._put(file)
            if self.walk.done:
                self.phase = Phase.SETTLING
                break

    def _put(self, file: Found) -> None:
        if self._open.paths and self._open.bytes + file.size > self._batch_bytes:
            self._close_batch()
        self._open.paths.append(file.path)
        self._open.bytes += file.size
        if len(self._open.paths) >= self._batch_files:
            self._close_batch()

    def _close_batch(self) -> None:
        self._queue.append(self._open)
        self._open = Batch(next(self._serials))

    # Batches

    def take(self) -> Batch | None:
        """The next batch for a worker; it is out until `done` or `failed`."""
        if not self._queue and self._open.paths:
            self._close_batch()
        if not self._queue:
            return None
        batch = self._queue.popleft()
        self._out[batch.serial] = batch
        return batch

    def put_back(self, batch: Batch) -> None:
        """No worker could be started for it: it is the next one again."""
        self._out.pop(batch.serial, None)
        self._queue.appendleft(batch)

    def done(self, serial: int) -> None:
        """The store has all of this batch."""
        self._out.pop(serial, None)

    def failed(self, serial: int) -> bool:
        """The worker of this batch failed; whether it goes to another one."""
        batch = self._out.pop(serial, None)
        if batch is None:
            return False
        batch.attempts += 1
        if batch.attempts > 1:
            self.files_failed += len(batch.paths)
            return False
        self._queue.appendleft(batch)
        return True

    # Removals

    def _prepare_removals(self) -> None:
        piece: list[bytes] = []
        size = 0
        for path in self.catalogue.take_missing():
            if len(piece) >= _MOST_PATHS or size > _PATH_BYTES:
                self._removals.append(piece)
                piece, size = [], 0
            piece.append(path)
            size += len(path)
        if piece:
            self._removals.append(piece)

    def take_removals(self) -> list[bytes]:
        """Paths that the store has to forget, one piece at a time; [] for none now."""
        if self._removing or not self._removals:
            return []
        self._removing = True
        return self._removals[0]

    def removed(self, ok: bool) -> None:
        """The store has forgotten that piece; or it is to be told again."""
        self._removing = False
        if ok and self._removals:
            self._removals.popleft()

    def reset(self) -> None:
        """Begins from the start: a new store knows nothing."""
        self.walk.close()
        self.catalogue.clear()
        self._queue.clear()
        self._out.clear()
        self._removals.clear()
        self._removing = False
        self._open = Batch(next(self._serials))
        self._begin()
