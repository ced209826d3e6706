"""Hashes and counts one file, whatever happens to it meanwhile."""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
import stat
from collections.abc import Callable
from typing import Final

from ipcm.demo.records import FileFacts, SkippedFile

__all__ = ["MOST_BYTES", "MOST_TEXT", "digest_file", "open_file"]

CHUNK: Final = 1 << 20
MOST_TEXT: Final = 256 << 10
"""Bytes of a text file that are searchable."""
MOST_BYTES: Final = 4 << 30
"""Bytes of the largest file that is read; a sparse file may claim any size."""

_SPACE: Final = b" \t\n\r\x0b\x0c"
_GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


class _Text:
    """Counts lines and words, and keeps the beginning, while the bytes are text."""

    def __init__(self, most: int) -> None:
        self.is_text = True
        self.lines = 0
        self.words = 0
        self._in_word = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._kept: list[str] = []
        self._room = most

    def add(self, chunk: bytes) -> None:
        if not self.is_text:
            return
        text = self._decode(chunk)
        if text is None:
            self.is_text = False
            return
        if self._room > 0:
            # Counted in bytes, but cut between characters.
            part = text if len(chunk) <= self._room else _cut(text, self._room)
            self._kept.append(part)
            self._room -= len(chunk)
        self.lines += chunk.count(b"\n")
        self.words += len(chunk.split())
        if self._in_word and chunk[0] not in _SPACE:
            self.words -= 1  # the word began in the chunk before
        self._in_word = chunk[-1] not in _SPACE

    def _decode(self, chunk: bytes, final: bool = False) -> str | None:
        if b"\0" in chunk:
            return None
        try:
            return self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            return None

    def finish(self) -> str | None:
        """The text that was kept; None where it is none."""
        if not self.is_text or self._decode(b"", final=True) is None:
            return None
        return "".join(self._kept).removeprefix("\ufeff")


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")


def digest_file(
    root: bytes,
    path: bytes,
    *,
    opener: Callable[[bytes], int] | None = None,
    most_bytes: int = MOST_BYTES,
    most_text: int = MOST_TEXT,
    chunk: int = CHUNK,
) -> FileFacts | SkippedFile:
    """Reads a file once, in chunks.

    Lines are line ends and words are runs of bytes other than white space, as wc(1) has them in
    the C locale. A file without NUL bytes that decodes as UTF-8 is text.

    Args:
        root: an absolute path. path: of the file, relative to it.
        opener: opens it for reading. most_bytes: a larger file is skipped.
        most_text: bytes of text to keep. chunk: bytes to read at once.

    Returns:
        The facts; or that it was skipped, and why. Never raises an OSError.
    """
    try:
        fd = (opener or open_file)(os.path.join(root, path))
    except OSError as error:
        return _skip(path, error)
    try:
        return _read(fd, path, most_bytes, most_text, chunk)
    except OSError as error:
        return _skip(path, error)
    finally:
        os.close(fd)


def open_file(path: bytes) -> int:
    """Opens what ought to be a regular file: neither a link, nor a FIFO that was put in its
    place, can make us read or wait elsewhere.
    """
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)


def _read(
    fd: int, path: bytes, most_bytes: int, most_text: int, chunk: int
) -> FileFacts | SkippedFile:
    before = os.fstat(fd)
    if not stat.S_ISREG(before.st_mode):
        return SkippedFile(path, "not a regular file")
    if before.st_size > most_bytes:
        return SkippedFile(path, f"larger than {most_bytes:,} bytes")
    digest = hashlib.sha256()
    text = _Text(most_text)
    size = 0
    while data := os.read(fd, chunk):
        size += len(data)
        if size > before.st_size:
            break  # it grows, perhaps for ever
        digest.update(data)
        text.add(data)
    after = os.fstat(fd)
    if after.st_nlink == 0:
        return SkippedFile(path, "vanished")
    if size != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        return SkippedFile(path, "changed while it was read")
    kept = text.finish()
    if kept is None:
        return FileFacts(path, size, digest.hexdigest())
    return FileFacts(path, size, digest.hexdigest(), text.lines, text.words, kept)


def _skip(path: bytes, error: OSError) -> SkippedFile:
    if error.errno in _GONE:
        return SkippedFile(path, "vanished")
    if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, or a socket, took its place
        return SkippedFile(path, "not a regular file")
    return SkippedFile(path, f"unreadable: {error.strerror or error}", error=True)
