"""The service that keeps what is known of the files, and answers questions about them."""

from __future__ import annotations

import functools
from typing import Any, Final

import msgspec

from ipcm.demo.base import DemoService
from ipcm.demo.database import Database
from ipcm.demo.records import Duplicate, FileFacts, Hit, SkippedFile, StoreStats, WalkReport
from ipcm.message import Message, Request
from ipcm.role.endpoints import endpoint

__all__ = ["Store"]

_MOST_NAMES: Final = 10_000


class Store(DemoService):
    """Files, their contents and the words in them, in a database that ends with the service.

    Args:
        database: path of the database; "" for one that never has a name (see `Database`).
        indexer: peer name of the one whose reports count.
        params: as for `Service`.
    """

    def __init__(self, *, database: str = "", indexer: str = "indexer", **params: Any) -> None:
        super().__init__(**params)
        self._path = database
        self._indexer = indexer
        self._walk = WalkReport(0, 0)
        self._seen = {self.name}

    @functools.cached_property
    def _database(self) -> Database:
        return Database(self._path)

    def run_on_start(self) -> None:
        """Opens the database: a connection to SQLite must not cross a fork."""
        super().run_on_start()
        self._database.stats()

    def run_on_cleanup(self) -> None:
        """Closes the database."""
        super().run_on_cleanup()
        self._database.close()

    def figures(self) -> StoreStats:
        """See `DemoService`."""
        return self.stats()

    @endpoint
    def search(self, text: str, limit: int = 20) -> list[Hit]:
        """Finds text files that hold all the words of `text`, best first."""
        return self._database.search(text, limit)

    @endpoint
    def stats(self) -> StoreStats:
        """How many files, bytes, lines, words and so on there are."""
        stats = self._database.stats()
        return msgspec.structs.replace(
            stats,
            skipped=stats.skipped + self._walk.skipped,
            errors=stats.errors + self._walk.errors,
            peers_seen=len(self._seen),
        )

    @endpoint
    def duplicates(self, limit: int = 20) -> list[Duplicate]:
        """Finds files of the same content, those that waste most first."""
        return self._database.duplicates(limit)

    @endpoint
    def add(self, files: list[FileFacts], skipped: list[SkippedFile]) -> int:
        """Adds files, or replaces what is known of them; for the indexer's workers."""
        return self._database.add(files, skipped)

    @endpoint
    def remove(self, paths: list[bytes]) -> int:
        """Forgets files, and returns how many were known; for the indexer."""
        return self._database.remove(paths)

    def handle_request(self, request: Request, message: Message) -> Any:
        """Notes who asks, and answers."""
        self._see(request.sender)
        return super().handle_request(request, message)

    def run_on_general_message(self, message: Message) -> None:
        """The indexer reports on its walk; anything else is somebody's mistake."""
        super().run_on_general_message(message)
        self._see(message.sender)
        if message.sender != self._indexer:
            return
        try:
            self._walk = msgspec.convert(message.content, WalkReport)
        except msgspec.ValidationError as error:
            self.debug(f"{self.name}: no report: {error}")

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        """Notes who comes and goes."""
        super().run_on_peer_delta(delta)
        for peer in delta:
            self._see(peer)

    def redact(self, content: Any) -> Any:
        """Observers need not see the contents of all files fly by."""
        match content:
            case {"endpoint": "add", "args": {"files": list(files), "skipped": list(skipped)}}:
                return f"add {len(files)} files, {len(skipped)} skipped"
            case {"endpoint": "remove", "args": {"paths": list(paths)}}:
                return f"remove {len(paths)} files"
        return content

    def _see(self, peer: str) -> None:
        if len(self._seen) < _MOST_NAMES:
            self._seen.add(peer)
