"""The directory of a bus: what is in it, and how to reach it when its path is long.

bus.json   the record: name, info, owner, and the key that tokens are made with
lock       held (flock) by the registrar as long as it lives
r          the registrar's socket
p/         the peers' sockets, one for each incarnation
log/       output of services
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import socket
from pathlib import Path
from typing import Final, Self

import msgspec

from ipcm._core.names import file_name
from ipcm._os.process import ProcessIdentity
from ipcm.errors import BusGone
from ipcm.transports.base import BusRecord
from ipcm.transports.runtime import check_private
from ipcm.transports.unix.link import peer_credentials

__all__ = [
    "DRAFT",
    "Record",
    "Route",
    "draft_maker",
    "is_foreign",
    "is_leftover",
    "remove_directory",
]

_LONGEST: Final = 100  # sun_path holds 108 bytes with its NUL (unix(7))


class Record(msgspec.Struct, frozen=True):
    """What `bus.json` holds.

    Attributes:
        owner_start: the owner's start time, in clock ticks.
        lingers: once its owner has ended, the bus lives as long as it has services.
    """

    version: int
    bus: BusRecord
    owner_start: int
    key: bytes
    lingers: bool = False


_decode: Final = msgspec.json.Decoder(Record).decode


class Route:
    """One bus directory, addressed through a descriptor of its own.

    Args:
        path: the directory.

    Raises:
        BusGone: it is not there.
        InsecureDirectory: it is not private to this user.
    """

    def __init__(self, path: str) -> None:
        self._place = path
        self._fd = -1
        try:
            check_private(path)
            self._fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, ValueError):  # a NUL in it
            raise BusGone(f"there is no bus at {path}") from None
        except OSError as error:
            _raise_shortage(error)
            raise BusGone(f"the bus at {path} cannot be reached: {error.strerror}") from None

    @property
    def path(self) -> Path:
        """The directory."""
        return Path(self._place)

    def fileno(self) -> int:
        """The directory's descriptor."""
        return self._fd

    def close(self) -> None:
        """Closes the descriptor."""
        fd, self._fd = self._fd, -1  # first, for whoever comes here again after an interrupt
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Of a client that nobody disconnected: sockets close themselves, a number does not.
        self.close()

    def address(self, name: str) -> str:
        """A path for `bind` and `connect` that fits into a socket address.

        The descriptor's entry in /proc stands for a directory whose path is too long.
        """
        # Not by a Path: each service begins with some of these, and in a process that was just
        # forked what it touches is copied page by page.
        plain = f"{self._place}/{name}"
        if len(os.fsencode(plain)) <= _LONGEST:
            return plain
        return f"/proc/self/fd/{self._fd}/{name}"

    def peer_address(self, name: str, incarnation: str) -> str:
        """Where a peer listens; no two lives of a name share it."""
        return self.address(f"p/{file_name(name)}~{incarnation[:12]}")

    def record(self) -> Record:
        """Reads the record.

        Raises:
            BusGone: there is none, or none that can be read.
        """
        try:
            with open(f"{self._place}/bus.json", "rb") as file:
                return _decode(file.read())
        except FileNotFoundError:
            raise BusGone(f"there is no bus at {self.path}") from None
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            _raise_shortage(error)
            raise BusGone(f"the record of the bus at {self.path} is unusable: {error}") from None

    def write_record(self, record: Record) -> None:
        """Writes the record, so that it is there whole or not at all."""
        draft = self.path / ".bus.json"
        draft.write_bytes(msgspec.json.encode(record))
        draft.rename(self.path / "bus.json")

    def unguard(self, lingers: bool) -> None:
        """Notes that the bus outlives its owner; `lingers` as in `Record`."""
        record = self.record()
        bus = msgspec.structs.replace(record.bus, guard=False)
        self.write_record(msgspec.structs.replace(record, bus=bus, lingers=lingers))

    def last_words(self) -> str:
        """What a registrar has written when it died, to put behind a text; "" for nothing."""
        try:
            *_, last = (self.path / "log" / "_registrar").read_text(errors="replace").splitlines()
        except (OSError, ValueError):
            return ""
        return f" (a registrar died: {last:.200})"

    def lock(self) -> int | None:
        """Takes the registrar's lock: its descriptor, or None where a registrar lives."""
        try:
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, BlockingIOError):
                return None
            raise
        return fd

    def listen(self, address: str) -> socket.socket:
        """A non-blocking listener."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.bind(address)
            listener.listen(4096)
        except BaseException:
            listener.close()
            raise
        return listener

    def somebody_else(self, name: str, incarnation: str) -> bool:
        """Whether another life of this name listens."""
        own = Path(self.peer_address(name, incarnation)).name
        prefix = f"{file_name(name)}~"
        return any(
            path.name.startswith(prefix) and path.name != own and self.answers(path.name)
            for path in (self.path / "p").iterdir()
        )

    def anybody(self, besides: str = "") -> bool:
        """Whether any peer listens; `besides` is an address that does not count."""
        peers = self.path / "p"
        names = [path.name for path in peers.iterdir()] if peers.is_dir() else []
        return any(self.answers(name) for name in names if name != Path(besides).name)

    def answers(self, file: str) -> bool:
        """Whether somebody listens at a socket in `p`."""
        return self.listener(self.address(f"p/{file}")) is not None

    def listener(self, address: str) -> int | None:
        """The process that listens at an address; 0 where that cannot be told, None for nobody."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            try:
                probe.connect(address)
            except BlockingIOError:
                return 0  # so many wait already that there is no room
            except OSError:
                return None
            return peer_credentials(probe)[0]

    def remove(self) -> None:
        """Removes the directory and all that is in it."""
        remove_directory(self.path)


DRAFT: Final = ".new-"
"""Begins the name of a directory that is no bus yet, or none any more: `.new-PID-START-RANDOM`."""


_PARTS: Final = frozenset({"bus.json", ".bus.json", "lock", "r", "p", "log"})
_DRAFT: Final = re.compile(re.escape(DRAFT) + r"(\d+)-(\d+)-[0-9a-f]{8}")


def draft_maker(path: Path) -> ProcessIdentity | None:
    """Who makes a bus in this directory, or removes one; None where its name is no draft's."""
    found = _DRAFT.fullmatch(path.name)
    return ProcessIdentity(int(found[1]), int(found[2])) if found else None


def is_foreign(path: Path) -> bool:
    """Whether a directory holds what no bus has: whoever chose the place has others there, too."""
    try:
        return not _PARTS.issuperset(os.listdir(path))
    except OSError:
        return False


def is_leftover(path: Path) -> bool:
    """Whether all that is in a directory, which may be anybody's, is what a bus leaves there.

    A bus is locked before it has its name. One that got no further than this, or than its
    folders, has nothing in them that would be missed.
    """
    try:
        names = set(os.listdir(path))
        if not names <= _PARTS:
            return False
        if draft_maker(path) is None and (path / "lock").stat().st_size > 0:
            return False
        if "bus.json" in names:
            return True
        logs = os.listdir(path / "log") if "log" in names else []
        peers = (path / "p").iterdir() if "p" in names else ()
        return {"_registrar"}.issuperset(logs) and all(peer.is_socket() for peer in peers)
    except OSError:
        return False


def remove_directory(path: Path) -> None:
    """Removes the directory of a bus and all that is in it."""
    # Under another name, so that nobody who takes its place loses anything; it is nobody's, so
    # that whoever finds it removes it, too.
    gone = path.with_name(f"{DRAFT}{os.getpid()}-0-{os.urandom(4).hex()}")
    try:
        path.rename(gone)
    except OSError:
        return  # it is gone, or its file system takes no more changes
    # Nobody is to reach it any more. The record goes after what else was put here: whoever finds
    # a part that somebody could not remove, or was killed at, knows by it that this was a bus.
    _remove(gone, "r")
    for folder in ("p", "log"):
        shutil.rmtree(gone / folder, ignore_errors=True)
    # A tree is walked by descriptors. Where there are none left, a bus that was hardly made goes
    # all the same.
    _remove(gone, "log/_registrar", "log/", "p/")
    if not (gone / "log").exists() and not (gone / "p").exists():
        shutil.rmtree(gone, ignore_errors=True)
        _remove(gone, "lock", ".bus.json", "bus.json", "")


def _remove(directory: Path, *names: str) -> None:
    """Removes what can be; a folder's name ends with a slash."""
    for name in names:
        with contextlib.suppress(OSError):
            path = directory / name
            path.rmdir() if name[-1:] in ("", "/") else path.unlink()


def _raise_shortage(error: Exception) -> None:
    """Raises an error again that says nothing about the bus: there are no descriptors left."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        raise error
