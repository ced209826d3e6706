"""SIGINT in a process that ignores it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from ipcm._os.idle import IdleInterrupt


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_it_hears_what_would_be_ignored() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    idle = IdleInterrupt(lambda: heard.append(1))
    interrupt()
    assert not heard
    idle.arm()
    interrupt()
    assert heard == [1]
    idle.disarm()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_whoever_handles_it_goes_on_to() -> None:
    heard: list[int] = []
    idle = IdleInterrupt(lambda: heard.append(1))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    idle.arm()
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert not heard


def test_a_handler_that_was_saved_and_put_back_is_dead() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    idle = IdleInterrupt(lambda: heard.append(1))
    idle.arm()
    saved = signal.signal(signal.SIGINT, signal.default_int_handler)  # a cell begins
    idle.disarm()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, saved)  # it ends
    interrupt()
    assert not heard
    idle.arm()
    assert signal.getsignal(signal.SIGINT) is saved
