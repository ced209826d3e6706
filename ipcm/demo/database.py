"""What the store keeps, in SQLite: files, their contents, and the words in them."""

from __future__ import annotations

import dataclasses
import re
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, Self

from ipcm.demo.records import Duplicate, FileFacts, Hit, SkippedFile, StoreStats
from ipcm.demo.text import printable, show_path

__all__ = ["Database", "has_full_text", "match_expression"]

MOST_TEXT: Final = 256 << 20
"""Bytes of searchable text in all; of further files the counts are kept, and not the words."""

_CACHE_KIB: Final = 16 << 10
_MOST_ROWS: Final = 200
_MOST_WORDS: Final = 16
_SHOWN_PATHS: Final = 5
_AROUND: Final = 60

_SCHEMA: Final = """
    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        lines INTEGER NOT NULL,
        words INTEGER NOT NULL,
        sha256 TEXT,
        is_text INTEGER NOT NULL,
        text_bytes INTEGER NOT NULL,
        reason TEXT,
        error INTEGER NOT NULL
    );
    CREATE INDEX files_by_content ON files (sha256) WHERE sha256 IS NOT NULL;
    CREATE TABLE contents (
        sha256 TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        copies INTEGER NOT NULL,
        wasted INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX contents_by_waste ON contents (wasted) WHERE wasted > 0;
"""
_FULL_TEXT: Final = "CREATE VIRTUAL TABLE texts USING fts5 (name, body)"
_PLAIN_TEXT: Final = "CREATE TABLE texts (name TEXT, body TEXT)"


@dataclasses.dataclass(slots=True)
class _Totals:
    files: int = 0
    bytes: int = 0
    lines: int = 0
    words: int = 0
    text_files: int = 0
    text_bytes: int = 0
    skipped: int = 0
    errors: int = 0
    duplicates: int = 0
    wasted: int = 0


class Database:
    """The store's tables, and totals that are kept up to date, so that asking for them costs
    nothing.

    Args:
        path: of the file; "" for one that SQLite makes in the temporary directory and unlinks
            at once, so that nothing is left however the process ends.
        full_text: use FTS5 (None: where this SQLite has it); else search with LIKE.
        most_text: bytes of text that are searchable.

    Raises:
        sqlite3.Error: from any method: the disk is full, and so on. Nothing has changed then.
    """

    def __init__(
        self, path: str = "", *, full_text: bool | None = None, most_text: int = MOST_TEXT
    ) -> None:
        self._most_text = most_text
        self._totals = _Totals()
        self._sql = sqlite3.connect(path)
        # It is temporary, so it need not survive a crash; a rollback has to work, however.
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._sql.execute(f"PRAGMA {pragma}")
        self._sql.executescript(_SCHEMA)
        self.full_text = has_full_text(self._sql) if full_text is None else full_text
        self._sql.execute(_FULL_TEXT if self.full_text else _PLAIN_TEXT)
        self._sql.commit()

    def close(self) -> None:
        """Closes, and so removes, it."""
        self._sql.close()

    def stats(self) -> StoreStats:
        """The totals."""
        t = self._totals
        return StoreStats(
            files_indexed=t.files,
            bytes=t.bytes,
            lines=t.lines,
            words=t.words,
            text_files=t.text_files,
            text_bytes=t.text_bytes,
            skipped=t.skipped,
            errors=t.errors,
            duplicates=t.duplicates,
            wasted=t.wasted,
        )

    def add(self, files: Iterable[FileFacts], skipped: Iterable[SkippedFile] = ()) -> int:
        """Adds files, or replaces what is known of them; all or none.

        Returns:
            How many.
        """
        count = 0
        with _Change(self) as change:
            for file in files:
                change.forget(file.path)
                change.add(file)
                count += 1
            for each in skipped:
                change.forget(each.path)
                change.skip(each)
                count += 1
        return count

    def remove(self, paths: Iterable[bytes]) -> int:
        """Forgets files; returns how many were known."""
        with _Change(self) as change:
            return sum(change.forget(path) for path in paths)

    def search(self, text: str, limit: int = 20) -> list[Hit]:
        """Finds the text files that hold all the words, in their name or their first part.

        Args:
            text: anything a person types; nothing in it is syntax.
            limit: 1 to 200.
        """
        words = _words(text)
        if not words:
            return []
        rows = self._match(words, min(max(limit, 1), _MOST_ROWS))
        return [
            Hit(show_path(path), size, lines, printable(_snippet(body, words)))
            for path, size, lines, body in rows
        ]

    def _match(self, words: list[str], limit: int) -> list[tuple[bytes, int, int, str]]:
        columns = "SELECT path, size, lines, body FROM texts JOIN files ON files.id = texts.rowid"
        if self.full_text:
            where, values = "texts MATCH ? ORDER BY rank", [match_expression(words)]
        else:
            each = "(name || ' ' || body) LIKE ? ESCAPE '\\'"
            where = " AND ".join([each] * len(words))
            values = [f"%{_like(word)}%" for word in words]
        return self._sql.execute(f"{columns} WHERE {where} LIMIT ?", (*values, limit)).fetchall()

    def duplicates(self, limit: int = 20) -> list[Duplicate]:
        """Contents that are there more than once, those that waste most first."""
        rows = self._sql.execute(
            "SELECT sha256, size, copies, wasted FROM contents WHERE wasted > 0 "
            "ORDER BY wasted DESC LIMIT ?",
            (min(max(limit, 1), _MOST_ROWS),),
        ).fetchall()
        return [
            Duplicate(sha256, size, copies, wasted, self._paths_of(sha256))
            for sha256, size, copies, wasted in rows
        ]

    def _paths_of(self, sha256: str) -> list[str]:
        rows = self._sql.execute(
            "SELECT path FROM files WHERE sha256 = ? ORDER BY id LIMIT ?", (sha256, _SHOWN_PATHS)
        )
        return [show_path(path) for (path,) in rows]


class _Change:
    """One transaction, with the totals that hold once it is committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = database._sql
        self._totals = dataclasses.replace(database._totals)

    def __enter__(self) -> Self:
        self._sql.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._sql.rollback()
            return
        self._sql.commit()
        self._database._totals = self._totals

    def add(self, file: FileFacts) -> None:
        totals = self._totals
        body = file.text
        text_bytes = 0
        if body is not None:
            text_bytes = len(body.encode())
            if totals.text_bytes + text_bytes > self._database._most_text:
                body, text_bytes = None, 0
        id = self._insert(
            (file.path, file.size, file.lines, file.words, file.sha256, file.text is not None,
             text_bytes, None, False)
        )  # fmt: skip
        if body is not None:
            self._sql.execute(
                "INSERT INTO texts (rowid, name, body) VALUES (?, ?, ?)",
                (id, show_path(file.path), body),
            )
        self._count_content(file.sha256, file.size, 1)
        totals.files += 1
        totals.bytes += file.size
        totals.lines += file.lines
        totals.words += file.words
        totals.text_files += file.text is not None
        totals.text_bytes += text_bytes

    def skip(self, file: SkippedFile) -> None:
        self._insert((file.path, 0, 0, 0, None, False, 0, file.reason, file.error))
        self._totals.skipped += 1
        self._totals.errors += file.error

    def _insert(self, values: tuple[Any, ...]) -> int:
        cursor = self._sql.execute(
            "INSERT INTO files (path, size, lines, words, sha256, is_text, text_bytes, reason, "
            "error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def forget(self, path: bytes) -> bool:
        row = self._sql.execute(
            "SELECT id, size, lines, words, sha256, is_text, text_bytes, error FROM files "
            "WHERE path = ?",
            (path,),
        ).fetchone()
        if row is None:
            return False
        id, size, lines, words, sha256, is_text, text_bytes, error = row
        self._sql.execute("DELETE FROM files WHERE id = ?", (id,))
        totals = self._totals
        if sha256 is None:
            totals.skipped -= 1
            totals.errors -= error
            return True
        if is_text:
            self._sql.execute("DELETE FROM texts WHERE rowid = ?", (id,))
        self._count_content(sha256, size, -1)
        totals.files -= 1
        totals.bytes -= size
        totals.lines -= lines
        totals.words -= words
        totals.text_files -= is_text
        totals.text_bytes -= text_bytes
        return True

    def _count_content(self, sha256: str, size: int, change: int) -> None:
        row = self._sql.execute(
            "SELECT copies, wasted FROM contents WHERE sha256 = ?", (sha256,)
        ).fetchone()
        copies, before = row or (0, 0)
        copies += change
        wasted = max(copies - 1, 0) * size
        if copies:
            self._sql.execute(
                "INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?)",
                (sha256, size, copies, wasted),
            )
        else:
            self._sql.execute("DELETE FROM contents WHERE sha256 = ?", (sha256,))
        self._totals.duplicates += (wasted > 0) - (before > 0)
        self._totals.wasted += wasted - before


def has_full_text(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite was built with FTS5."""
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.try_fts5 USING fts5 (body)")
    except sqlite3.OperationalError:
        return False
    connection.execute("DROP TABLE temp.try_fts5")
    return True


def match_expression(words: list[str]) -> str:
    """All of the words, each quoted, so that AND, NEAR, `-` and `"` are words like others."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in words)


def _words(text: str) -> list[str]:
    # SQLite takes NUL for the end of the text, and an open quote before it for an error.
    words = text.replace("\0", " ").split()
    return [word for word in words if any(map(str.isalnum, word))][:_MOST_WORDS]


def _like(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def _snippet(body: str, words: list[str]) -> str:
    """The surroundings of the first word that is in the body itself."""
    for word in words:
        found = re.search(re.escape(word), body, re.IGNORECASE)
        if found is not None:
            start = max(found.start() - _AROUND, 0)
            return " ".join(body[start : found.end() + _AROUND].split())
    return " ".join(body[: 2 * _AROUND].split())
