"""File names and file contents as text that is safe to send, print and look at."""

from __future__ import annotations

__all__ = ["printable", "show_path"]


def printable(text: str) -> str:
    r"""The text with everything that is not printable escaped: a file may hold any bytes, and a
    terminal would obey some of them.

    Returns:
        The text with control characters, line ends and the like as `\n`, `\x1b`, `\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text
    )


def show_path(path: bytes) -> str:
    r"""A file name for eyes: bytes that are not UTF-8 become `\xff`.

    It cannot be turned back (a name may hold a real backslash); the bytes are the key.
    """
    return printable(path.decode("utf-8", "backslashreplace"))
