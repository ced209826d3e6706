"""A unix bus, and a service on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ipcm
from ipcm import Bus


@pytest.fixture
def bus() -> Iterator[Bus]:
    with ipcm.spawn() as bus:
        yield bus


@pytest.fixture
def echo(bus: Bus) -> Iterator[ipcm.Handle]:
    with ipcm.service("echo", ipcm.EchoService, bus=bus) as handle:
        yield handle
