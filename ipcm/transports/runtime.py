"""The private directories in which buses live: found without configuration."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from ipcm.errors import InsecureDirectory

__all__ = ["check_home", "check_private", "home", "homes"]


def homes() -> list[Path]:
    """Where this user's buses may be, best first.

    `IPCM_RUNTIME_DIR` alone, where it is set. Else the XDG runtime directory and the temporary
    directory, both: a bus started from cron or over ssh, where the session's variables are
    missing, is found from a desktop's terminal, and the other way round.
    """
    chosen = os.environ.get("IPCM_RUNTIME_DIR")
    if chosen:
        return [Path(chosen)]
    user = os.geteuid()
    session = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{user}"
    places = [Path(session) / "ipcm"] if os.path.isdir(session) else []
    return [*places, Path("/tmp") / f"ipcm-{user}"]


def home() -> Path:
    """The directory for new buses, made where it is missing.

    Raises:
        InsecureDirectory: it belongs to somebody else, others may enter it, or it is a link.
        OSError: it cannot be made.
    """
    *others, last = homes()
    for place in others:
        with contextlib.suppress(OSError):
            return _made(place)
    return _made(last)


def check_home() -> None:
    """Raises InsecureDirectory where the best place would be refused to a new bus: nobody looks
    for one there either.
    """
    with contextlib.suppress(OSError):  # it is not there, or will not do, and then the next does
        check_private(homes()[0])


def _made(place: Path) -> Path:
    # Of a file or a link `check_private` says that it is one.
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700, exist_ok=True)
    check_private(place)
    return place


def check_private(directory: Path | str) -> None:
    """Checks that only this user can get in.

    Raises:
        InsecureDirectory: says what is wrong.
        FileNotFoundError: it is not there.
    """
    status = os.lstat(directory)
    if stat.S_ISLNK(status.st_mode):
        raise InsecureDirectory(str(directory), "it is a symbolic link")
    if not stat.S_ISDIR(status.st_mode):
        raise InsecureDirectory(str(directory), "it is not a directory")
    if status.st_uid != os.geteuid():
        raise InsecureDirectory(str(directory), f"it belongs to user {status.st_uid}")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise InsecureDirectory(
            str(directory), f"others may enter it (mode {mode:04o}; chmod 700 it)"
        )
