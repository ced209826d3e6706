"""What notebooks show of an object, with and without the magics."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import ipcm
from tests.console.conftest import Store
from tests.helpers import wait_until

INJECTION = "<script>alert(1)</script>"


def test_handles_and_buses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipcm.console.cards._PATIENCE", 10.0)
    with ipcm.service("store", Store) as handle:
        handle.call("search", text="x")
        html = handle._repr_html_()
        assert "search" in html
        assert "running" in html
        assert "store" in handle.bus._repr_html_()
        bundle = handle.bus._repr_mimebundle_()
        assert bundle["text/plain"] == repr(handle.bus)
        assert "search" in handle.snapshot()._repr_html_()
    assert "is closed" in handle._repr_html_()


def test_a_service_that_is_gone_or_busy() -> None:
    with ipcm.service("store", Store) as handle:
        pid = handle.service_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: ") T " in Path(f"/proc/{pid}/stat").read_text())
        assert "no answer" in handle._repr_html_()
        os.kill(pid, signal.SIGCONT)
        handle.terminate()
        handle.wait(10.0)
        assert "not on the bus" in handle._repr_html_()
        bus = handle.bus
    assert "bus" in bus._repr_html_()


@pytest.mark.parametrize(
    "thing",
    [
        ipcm.Message(1, INJECTION, "b", {"x": INJECTION}),
        ipcm.Request(1, INJECTION, "a"),
        ipcm.Response(1, INJECTION),
        ipcm.Response(1, error=INJECTION),
        ipcm.PeerInfo(INJECTION, 1, "i", "client", True, 0.0),
    ],
)
def test_nothing_of_a_message_becomes_markup(thing: ipcm.Message) -> None:
    html = thing._repr_html_()
    assert "alert(1)" in html
    assert "<script" not in html
    assert thing._repr_mimebundle_()["text/plain"] == repr(thing)


def test_colours_read_on_dark_and_on_light() -> None:
    """WCAG asks for a contrast of 3 for bold and large text, on either background."""
    from ipcm.console.html import COLOURS

    for name, colour in COLOURS.items():
        light = _luminance(colour)
        assert (1.05) / (light + 0.05) >= 2.5, f"{name} on white"
        assert (light + 0.05) / (_luminance("#111111") + 0.05) >= 3.0, f"{name} on black"


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
