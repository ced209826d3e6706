"""What the demo's services tell each other, and what the store answers.

Paths are bytes, relative to the root: a file name need not be UTF-8. In answers, which are for
people, they are text (see `show_path`).
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "BatchDone",
    "Duplicate",
    "Farewell",
    "FileFacts",
    "Hit",
    "IndexerReport",
    "ProbeReport",
    "SkippedFile",
    "StoreStats",
    "WalkReport",
]


class FileFacts(msgspec.Struct, frozen=True):
    """What a worker found out about one file.

    Attributes:
        size: bytes. sha256: of the content, hex.
        lines, words: as wc(1) counts them; 0 for files that are not text.
        text: the beginning of a text file, None for any other.
    """

    path: bytes
    size: int
    sha256: str
    lines: int = 0
    words: int = 0
    text: str | None = None


class SkippedFile(msgspec.Struct, frozen=True):
    """A file that was not indexed, and why; `error`: it should have been."""

    path: bytes
    reason: str
    error: bool = False


class BatchDone(msgspec.Struct, frozen=True, tag="batch-done"):
    """A worker's last word to the indexer: the store has all of batch `serial`."""

    serial: int
    files: int
    bytes: int
    skipped: int


class WalkReport(msgspec.Struct, frozen=True, tag="walked"):
    """The indexer to the store: what the current pass left out.

    Attributes:
        skipped: entries that are no regular files, and files beyond the limit.
        errors: directories that cannot be read.
    """

    skipped: int
    errors: int


class Hit(msgspec.Struct, frozen=True):
    """One file that a search found, with the surroundings of the words."""

    path: str
    size: int
    lines: int
    snippet: str


class Duplicate(msgspec.Struct, frozen=True):
    """Files of the same content.

    Attributes:
        size: bytes of each. copies: how many. wasted: bytes of all but one.
        paths: some of them.
    """

    sha256: str
    size: int
    copies: int
    wasted: int
    paths: list[str]


class StoreStats(msgspec.Struct, frozen=True):
    """What the store holds.

    Attributes:
        files_indexed: files whose content is known. bytes, lines, words: their sums.
        text_files: those that are text. text_bytes: what of them is searchable.
        skipped: what was left out: links, sockets, files that vanished or cannot be read.
        errors: of these, what cannot be read.
        duplicates: contents that are there more than once. wasted: bytes of their copies.
        peers_seen: distinct peer names that the store has seen on the bus, its own included.
    """

    files_indexed: int = 0
    bytes: int = 0
    lines: int = 0
    words: int = 0
    text_files: int = 0
    text_bytes: int = 0
    skipped: int = 0
    errors: int = 0
    duplicates: int = 0
    wasted: int = 0
    peers_seen: int = 0


class Farewell(msgspec.Struct, frozen=True):
    """The last that a service of the demo says.

    Attributes:
        answered, errors: requests, and those of them that were answered with an error.
        figures: its own, as it gives them to whoever asks.
    """

    answered: int
    errors: int
    figures: dict[str, Any]


class IndexerReport(msgspec.Struct, frozen=True):
    """How far the indexer is.

    Attributes:
        phase: walking, settling, removing or resting. passes: finished ones.
        files_known: regular files seen. queued: batches that wait for a worker.
        workers_run: workers that were started. workers_failed: of these, that failed.
        files_failed: files given up after a second failure.
        left_out: directories that are not walked, by their name or file system.
        over_limit: files not indexed because there are too many.
    """

    phase: str
    passes: int
    files_known: int
    queued: int
    workers_run: int
    workers_failed: int
    files_failed: int
    directories: int
    skipped: dict[str, int]
    errors: int
    left_out: int
    over_limit: int


class ProbeReport(msgspec.Struct, frozen=True):
    """What the probe has asked.

    Attributes:
        sent, answered, failed: requests; those in neither of the latter two are under way.
        refused: of the failed, those that the store answered with an error.
        endpoints: answered ones per endpoint. slowest: seconds of the slowest answer.
        last_error: text of the last failure, or "".
    """

    sent: int
    answered: int
    failed: int
    refused: int
    endpoints: dict[str, int]
    slowest: float
    last_error: str
