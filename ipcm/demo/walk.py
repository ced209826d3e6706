"""Walks a tree in slices, so that whoever walks it never waits long."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

__all__ = ["LEFT_OUT", "Found", "Walk", "open_directory", "pseudo_devices"]

LEFT_OUT: Final = frozenset(
    (
        *(".git", ".hg", ".svn", ".bzr", ".jj", "_darcs", "CVS"),
        *("node_modules", "bower_components", "__pycache__", ".venv", "venv", ".tox", ".nox"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".cache", ".eggs"),
    )
)
"""Names of directories that are not walked: what version control, package managers and caches
keep is not what somebody who searches his files looks for."""

_REPLACED: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Found(NamedTuple):
    """A regular file.

    Attributes:
        path: relative to the root. mtime_ns, size, inode: as lstat(2) gives them.
    """

    path: bytes
    mtime_ns: int
    size: int
    inode: int


class Walk:
    """One pass over the regular files under a root.

    Symbolic links are never followed, and neither are directories that became one meanwhile.
    One directory is open at a time; memory grows with the directories that are still to do.

    Args:
        root: an absolute path.
        avoid: device numbers (st_dev) of file systems that are not entered.
        opener: opens a directory for reading.

    Attributes:
        done: the pass is over.
        directories, files: how many were seen. left_out: directories not entered.
        skipped: entries that are no regular file, per kind.
        errors: directories and files that could not be looked at.
    """

    def __init__(
        self,
        root: bytes,
        *,
        avoid: frozenset[int] = frozenset(),
        opener: Callable[[bytes], int] | None = None,
    ) -> None:
        self.done = False
        self.directories = 0
        self.files = 0
        self.left_out = 0
        self.skipped: Counter[str] = Counter()
        self.errors = 0
        self._root = root
        self._avoid = avoid
        self._open = opener or open_directory
        self._todo = [b""]
        self._open_one = contextlib.ExitStack()
        self._entries: Iterator[os.DirEntry[str]] | None = None
        self._prefix = b""

    def step(
        self, seconds: float, entries: int, clock: Callable[[], float] = time.monotonic
    ) -> list[Found]:
        """Goes on until the budget is used up or the pass is over.

        Args:
            seconds: time to spend; one entry is looked at in any case.
            entries: entries and directories to look at.

        Returns:
            The files that came by.
        """
        found: list[Found] = []
        until = clock() + seconds
        for _ in range(max(entries, 1)):
            entry = self._next()
            if self.done:
                break
            if entry is not None and (file := self._look(entry)) is not None:
                found.append(file)
            if clock() >= until:
                break
        return found

    def close(self) -> None:
        """Closes the directory that is open; the pass is over."""
        self.done = True
        self._entries = None
        self._open_one.close()

    def _next(self) -> os.DirEntry[str] | None:
        """The next entry; None where a directory was opened, left or could not be read."""
        if self._entries is None:
            if self._todo:
                self._enter(self._todo.pop())
            else:
                self.close()
            return None
        try:
            return next(self._entries)
        except StopIteration:
            pass
        except OSError:  # the medium or the network failed in the middle of the directory
            self.errors += 1
        self._entries = None
        self._open_one.close()
        return None

    def _enter(self, path: bytes) -> None:
        try:
            directory = self._open(os.path.join(self._root, path))
        except OSError as error:
            if path and error.errno in _REPLACED:
                self.skipped["vanished"] += 1
            else:
                self.errors += 1
            return
        self._open_one.callback(os.close, directory)
        try:
            if path and os.fstat(directory).st_dev in self._avoid:
                self.left_out += 1
                self._open_one.close()
                return
            self._entries = self._open_one.enter_context(os.scandir(directory))
        except OSError:
            self.errors += 1
            self._open_one.close()
            return
        self.directories += 1
        self._prefix = path + b"/" if path else b""

    def _look(self, entry: os.DirEntry[str]) -> Found | None:
        try:
            if entry.is_dir(follow_symlinks=False):
                if entry.name in LEFT_OUT:
                    self.left_out += 1
                else:
                    self._todo.append(self._prefix + os.fsencode(entry.name))
                return None
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            self.skipped["vanished"] += 1
            return None
        except OSError:
            self.errors += 1
            return None
        if not stat.S_ISREG(status.st_mode):
            self.skipped[_kind(entry, status.st_mode)] += 1
            return None
        self.files += 1
        path = self._prefix + os.fsencode(entry.name)
        return Found(path, status.st_mtime_ns, status.st_size, status.st_ino)


def open_directory(path: bytes) -> int:
    """Opens a directory that is one, and no link to one."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def pseudo_devices(root: bytes, where: tuple[str, ...] = ("/proc", "/sys")) -> frozenset[int]:
    """Devices whose files are no files (proc(5), sysfs(5)): to be avoided below `root`, unless
    the root itself is there.
    """
    found: set[int] = set()
    for path in where:
        with contextlib.suppress(OSError):  # not mounted, or not Linux
            found.add(os.stat(path).st_dev)
    # Where they are plain directories they share the device of what is around them.
    return frozenset(found - {os.stat(root).st_dev, os.stat("/").st_dev})


def _kind(entry: os.DirEntry[str], mode: int) -> str:
    if stat.S_ISLNK(mode):
        try:
            entry.stat()
        except OSError:
            return "dangling link"
        return "link"
    if stat.S_ISFIFO(mode):
        return "fifo"
    if stat.S_ISSOCK(mode):
        return "socket"
    return "device"
