"""The private directories in which buses live: found without configuration."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from ipcm.errors import BusError, InsecureDirectory

__all__ = ["check_home", "check_private", "home", "homes"]


def homes() -> list[Path]:
    """Where this user's buses may be, best first.

    `IPCM_RUNTIME_DIR` alone, where it is set. Else the XDG runtime directory and /tmp, both: a
    bus started from cron or over ssh, where the session's variables are missing, is found from a
    desktop's terminal, and the other way round. `TMPDIR` comes last: it is another one in each
    job of some systems, and a bus there is found by those only who have the same. But where /tmp
    is read-only, as in some containers, it is what there is.
    """
    chosen = os.environ.get("IPCM_RUNTIME_DIR")
    if chosen:
        return [Path(chosen).absolute()]  # not os.path.abspath, to which a/link/.. is a
    user = os.geteuid()
    session = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{user}"
    places = [Path(session).absolute() / "ipcm"] if os.path.isdir(session) else []
    places.append(Path("/tmp") / f"ipcm-{user}")
    temporary = os.environ.get("TMPDIR")
    if temporary and os.path.isdir(temporary):
        last = Path(os.path.abspath(temporary)) / f"ipcm-{user}"
        places += [last] if last not in places else []
    return places


def home() -> Path:
    """The directory for new buses, made where it is missing.

    Raises:
        InsecureDirectory: it belongs to somebody else, others may enter it, or it is a link.
        BusError: none can be made.
    """
    refused: list[str] = []
    for place in homes():
        try:
            return _made(place)
        except OSError as error:
            refused.append(f"{place} ({error.strerror})")
    raise BusError(
        f"there is no place for a bus: {', '.join(refused)}; IPCM_RUNTIME_DIR may name another"
    )


def check_home() -> None:
    """Raises what keeps one from looking for buses where the next one would be made.

    Raises:
        InsecureDirectory: the place would be refused to a new bus.
        BusError: none of the places can be read.
    """
    refused: list[str] = []
    for place in homes():
        try:
            check_private(place)
            os.listdir(place)
            return
        except FileNotFoundError:
            return  # made with the first bus
        except OSError as error:  # then the next does
            refused.append(f"{place} ({error.strerror})")
    raise BusError(f"buses cannot be looked for in {', '.join(refused)}")


def _made(place: Path) -> Path:
    # Of a file or a link `check_private` says that it is one.
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700, exist_ok=True)
    check_private(place)
    # It may have been made before its file system was mounted read-only here.
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "nothing can be made in it", str(place))
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
