"""How others' processes ended."""

from __future__ import annotations

import os
import signal

import pytest

from ipcm._os.endings import Ending
from tests.helpers import wait_until


def start(how: int) -> tuple[int, int]:
    """A child that ends with a code, or by a signal, when the descriptor is closed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(writing)
            os.read(reading, 1)
            if how < 0:
                os.kill(os.getpid(), -how)
                signal.pause()
        finally:
            os._exit(max(how, 0))
    os.close(reading)
    return pid, writing


@pytest.mark.parametrize("how", [0, 3, 255, -signal.SIGKILL, -signal.SIGTERM])
def test_the_exit_of_a_zombie(how: int) -> None:
    pid, writing = start(how)
    ending = Ending(pid)
    try:
        assert ending.exit() is None
        os.close(writing)
        wait_until(lambda: ending.exit() is not None)
        assert ending.exit() == how
    finally:
        os.waitpid(pid, 0)
        ending.close()
        ending.close()


@pytest.mark.parametrize("how", [7, -signal.SIGKILL])
def test_after_its_parent_has_reaped_it_it_is_known_or_not_and_never_wrong(how: int) -> None:
    pid, writing = start(how)
    ending = Ending(pid)
    os.close(writing)
    os.waitpid(pid, 0)
    try:
        assert ending.exit() in (how, None)
    finally:
        ending.close()


def test_nobody() -> None:
    pid, writing = start(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with pytest.raises(ProcessLookupError):
        Ending(pid)
