"""Names of peers and buses, and the file names they are mapped to."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

from ipcm.errors import InvalidName

__all__ = ["MOST_BYTES", "check_bus_name", "check_name", "file_name", "may_be_somebody"]

MOST_BYTES: Final = 40_000
"""Of a name, as UTF-8: it fits the first frame of a connection, which is limited to 64 KiB."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}\Z")
_BUS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


def check_name(name: object) -> str:
    """Checks a peer's name.

    Any text of 1 to 40,000 bytes, but no `/`, no control characters, no `_` in front (those are
    for the bus itself), no spaces at its ends.

    Returns:
        The name.

    Raises:
        InvalidName: says which of these it breaks.
    """
    if not isinstance(name, str):
        raise InvalidName(name, "a name is a str")
    if not name:
        raise InvalidName(name, "it is empty")
    if name.startswith("_"):
        raise InvalidName(name, "names that begin with '_' belong to the bus")
    if "/" in name:
        raise InvalidName(name, "it contains '/'")
    if name != name.strip():
        raise InvalidName(name, "it begins or ends with white space")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        raise InvalidName(name, "it contains a control character")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidName(name, "it is not valid Unicode") from None
    if size > MOST_BYTES:
        raise InvalidName(name, f"it takes {size:,} bytes and the limit is {MOST_BYTES:,}")
    return name


def may_be_somebody(name: object) -> bool:
    """Whether a peer of that name is worth looking for.

    Raises:
        InvalidName: it is no text.
    """
    if not isinstance(name, str):
        raise InvalidName(name, "a name is a str")
    try:
        return len(name.encode()) <= MOST_BYTES
    except UnicodeEncodeError:
        return False


def check_bus_name(name: object) -> str:
    """Checks a bus's name, which is also the name of its directory.

    Raises:
        InvalidName: not 1 to 100 letters, digits, dots, dashes and underscores, beginning
            with a letter or digit.
    """
    if not isinstance(name, str) or not _BUS.match(name):
        raise InvalidName(
            name,
            "a bus is named by 1 to 100 letters, digits, '.', '-' and '_', "
            "beginning with a letter or digit",
        )
    return name


def file_name(name: str) -> str:
    """Maps a peer's name to a file name of at most 42 characters, the same one every time.

    A short and harmless name is its own file name; any other becomes `h-` and 40 hex digits.
    """
    if _PLAIN.match(name) and not name.startswith("h-"):
        return name
    return "h-" + hashlib.sha256(name.encode()).hexdigest()[:40]
