"""A bus with a service to observe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ipcm
from tests.observe.watched import Watched


@pytest.fixture
def bus() -> Iterator[ipcm.Bus]:
    with ipcm.spawn() as bus, ipcm.service("watched", Watched, bus=bus, signals_to_grab=["USR1"]):
        yield bus
