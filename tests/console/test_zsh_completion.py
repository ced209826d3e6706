"""What TAB does in zsh."""

from __future__ import annotations

from pathlib import Path

import ipcm
from tests.console.shells import printed_by

SCRIPT = """
compdef() {}
_describe() { print -rl -- "${(P@)3}" "${@[4,-1]}" }
eval "$(_IPCM_COMPLETE=zsh_source ipcm)"
words=(ipcm call store search te) CURRENT=5 _ipcm_completion
words=(ipcm call a) CURRENT=3 _ipcm_completion
words=(ipcm ps --sort=c) CURRENT=3 _ipcm_completion
"""


def test_no_space_behind_what_goes_on(bus: ipcm.Bus, tmp_path: Path) -> None:
    with ipcm.service("a:b", ipcm.EchoService, bus=bus):
        printed = printed_by(["zsh", "-f"], SCRIPT, bus.name, tmp_path)
    # The values as zsh takes them, then how they are added: with nothing behind, or a space.
    assert printed == [
        "text=:string, required", "-U", "-S", "",
        "a\\:b:service", "-U",
        "--sort=cpu:", "-U",
    ]  # fmt: skip
