"""Programs that run on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
from collections.abc import Mapping, Sequence

__all__ = ["start_on_terminal"]


def start_on_terminal(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    size: tuple[int, int] | None = None,
    controlling: bool = False,
) -> tuple[subprocess.Popen[bytes], int]:
    """Starts a program on a pseudo-terminal, in a session of its own.

    Args:
        size: lines and columns; None for a terminal that does not know, as a serial line.
        controlling: it is the terminal of that session: its Ctrl-C is a signal.

    Returns:
        The program, and the other end of the terminal, which is the caller's to close.
    """
    master, slave = pty.openpty()
    try:
        if size is not None:
            termios.tcsetwinsize(slave, size)
        process = subprocess.Popen(
            command, env=environment, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal if controlling else None,  # noqa: PLW1509 (it only does that)
        )  # fmt: skip
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return process, master


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
