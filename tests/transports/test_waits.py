"""Waits for longer than the kernel counts."""

from __future__ import annotations

import math

import pytest

import ipcm
from ipcm.testing.running import Thread


@pytest.mark.parametrize("transport", ["unix", "memory"])
@pytest.mark.parametrize("seconds", [3e6, 1e300, math.inf])
def test_what_comes_meanwhile_is_there(transport: str, seconds: float) -> None:
    with ipcm.spawn(transport=transport) as bus:

        def say() -> None:
            with bus.connect("a") as a:
                a.send_message("b", 1)
                assert a.flush(seconds)

        with bus.connect("b") as b:
            thread = Thread(say)
            assert [message.content for message in b.get_messages(seconds)] == [1]
            thread.result()
