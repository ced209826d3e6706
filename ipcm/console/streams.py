"""The standard streams of this process, and what questions and answers look like."""

from __future__ import annotations

import contextlib
import sys

from ipcm.console.cells import clean
from ipcm.console.waiting import unwritable

__all__ = ["ask", "is_yes", "prompt", "tell", "write"]


def write(text: str) -> None:
    """Writes to standard output, at once.

    Raises:
        OutputClosed: nobody reads it. OSError: it has no room.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        raise unwritable(error) from None


def tell(text: str) -> None:
    """Writes lines to standard error, harmless ones; where it is closed, nothing."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(clean(text, keep_lines=True) + "\n")
        sys.stderr.flush()


def ask(question: str) -> bool:
    """Asks on standard error for a yes on standard input."""
    sys.stderr.write(prompt(question))
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # Ctrl-D
        tell("")
    return is_yes(answer)


def prompt(question: str) -> str:
    """What is written to ask, harmless, and with what may be answered."""
    return f"{clean(question)} [y/N] "


def is_yes(answer: str) -> bool:
    """Whether that is a yes; anything else, and nothing, is a no."""
    return answer.strip().lower() in ("y", "yes")
