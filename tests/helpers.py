"""Waiting for what happens elsewhere, with a hard limit; and who lives there; interrupts."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipcm._os.process import identify

__all__ = ["gone", "interrupt_once", "members_of", "soaking", "wait_awake", "wait_until"]

_MOMENT = 0.02


def soaking(short: int, long: int) -> int:
    """How much of a long test to do: with IPCM_SOAK=short, as CI sets it, a part of it."""
    return short if os.environ.get("IPCM_SOAK") == "short" else long


def wait_until(predicate: Callable[[], Any], limit: float = 15.0) -> None:
    """Looks every five milliseconds; fails when the limit (seconds) is over."""
    deadline = time.monotonic() + limit
    while not predicate():
        assert time.monotonic() < deadline, f"not within {limit} s"
        time.sleep(0.005)


def wait_awake(predicate: Callable[[], Any], limit: float) -> None:
    """As `wait_until`, for promises of time: of what passes between two looks no more than a
    moment counts, so that a machine that is busy with others does not break them.
    """
    spent, before = 0.0, time.monotonic()
    while not predicate():
        assert spent < limit, f"not within {limit} s"
        time.sleep(0.005)
        now = time.monotonic()
        spent, before = spent + min(now - before, _MOMENT), now


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        identify(pid)
    except ProcessLookupError:
        return True
    return False


def members_of(
    *, group: int | None = None, session: int | None = None, zombies: bool = False
) -> list[int]:
    """The processes of a group or session, as proc(5) has them; with `zombies` also those."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it ends while we look
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            state, of_group, of_session = fields[0], int(fields[2]), int(fields[3])
            if (group == of_group or session == of_session) and (zombies or state not in "ZX"):
                found.append(int(pid))
    return found


def interrupt_once(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> None:
    """An interrupt comes where this method would be called for the first time."""
    method, rest = getattr(kind, name), [KeyboardInterrupt]

    def instead(*args: Any, **named: Any) -> Any:
        if rest:
            raise rest.pop()
        return method(*args, **named)

    monkeypatch.setattr(kind, name, instead)
