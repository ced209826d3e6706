"""Signals as they are written: by name, by number, or as members."""

from __future__ import annotations

import signal
from signal import Signals

import pytest

from ipcm._os.signal_names import parse_signal, parse_signals
from ipcm.errors import NoSuchSignal

USR1 = signal.SIGUSR1


@pytest.mark.parametrize("name", ["USR1", "SIGUSR1", "usr1", "sigusr1", USR1, int(USR1)])
def test_names_of_signals(name: str | int) -> None:
    parsed = parse_signal(name)
    assert parsed == USR1
    assert isinstance(parsed, Signals)
    assert parse_signals(name) == (parsed,)


def test_no_names_and_many() -> None:
    assert parse_signals(()) == ()
    many = parse_signals(["HUP", "RTMIN", 15])
    assert many == (signal.SIGHUP, signal.SIGRTMIN, signal.SIGTERM)


def test_what_is_neither_one_nor_many_is_named() -> None:
    with pytest.raises(NoSuchSignal, match=r"and not 1\.5$"):
        parse_signals(1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["SIGURS1", "URS1", "urs1"])
def test_a_near_miss_is_told(name: str) -> None:
    with pytest.raises(NoSuchSignal, match=rf"no signal '{name}'; did you mean SIGUSR1\?"):
        parse_signals(["HUP", name])


@pytest.mark.parametrize("name", ["", "SIG", "xyzzy", 0, -1, 4711])
def test_what_is_no_signal_is_named(name: str | int) -> None:
    with pytest.raises(ValueError, match=f"no signal {name!r}$"):
        parse_signal(name)
