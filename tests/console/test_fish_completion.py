"""What TAB does in fish."""

from __future__ import annotations

from pathlib import Path

import ipcm
from tests.console.shells import printed_by

SCRIPT = """
_IPCM_COMPLETE=fish_source ipcm | source
complete -C 'ipcm call a'
complete -C 'ipcm describe store sea'
complete -C 'ipcm ben'
complete -C 'ipcm ps --sort=c'
"""


def test_values_and_descriptions_are_whole(bus: ipcm.Bus, tmp_path: Path) -> None:
    with ipcm.service("a,b", ipcm.EchoService, bus=bus):
        printed = printed_by(["fish", "--no-config"], SCRIPT, bus.name, tmp_path)
    assert printed == [
        "a,b\tservice",
        "search\tFinds what it is told to find.",
        "bench\tMeasure how fast it is on this machine, beside what one would use instead",
        "--sort=cpu",
    ]
