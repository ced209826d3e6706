"""The magics in real kernels."""

from __future__ import annotations

from pathlib import Path

from tests.magics.kernels import running_kernel

ECHO = "%%ipcm service echo -o echo\n@endpoint\ndef say(text: str) -> str:\n    return text\n"


def test_a_service_of_a_cell(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        assert "say(text: str)" in kernel(ECHO).text
        assert kernel("%ipcm call echo say text=hello").value == "'hello'"
        assert "<table" in kernel("%ipcm ps").html
        assert kernel.delay() < 1.0
