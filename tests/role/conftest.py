"""What tests of several ways to start a service stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipcm.role.launcher import cool, launcher_pid, warm
from tests.helpers import gone
from tests.role.threads import threads


@pytest.fixture
def threaded() -> Iterator[None]:
    with threads():
        yield


@pytest.fixture
def warmed() -> Iterator[int]:
    warm()
    pid = launcher_pid()
    assert pid is not None
    try:
        yield pid
    finally:
        cool()
        assert gone(pid)
