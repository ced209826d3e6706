"""The event loops that everything asynchronous is tested under."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest
import uvloop

import ipcm
from tests.aio.services import Worked

Run: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Any]

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}

# It keeps a pipe for signals as long as the process lives; that is nothing a test leaves behind.
uvloop.new_event_loop().close()


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine to its end in a fresh loop; what that loop was told of failed tasks and
    callbacks fails the test.
    """

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        told: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.get_loop().set_exception_handler(lambda loop, context: told.append(context))
            result = runner.run(main)
        assert not told
        return result

    return run


@pytest.fixture
def bus() -> Any:
    """One with a service."""
    with (
        ipcm.spawn() as bus,
        ipcm.service("worked", Worked, bus=bus, expose_error_details=True),
    ):
        yield bus
