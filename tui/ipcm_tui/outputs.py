"""What services wrote to their standard output and error, where a bus keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ipcm.bus import output_path
from ipcm.errors import IPCMError
from ipcm.observe.output import Output
from ipcm_tui.models.buses import BusFacts

__all__ = ["OpenOutput", "OutputReader", "open_output"]


class OutputReader(Protocol):
    """Reads the output of one service; `ipcm.observe.output.Output` is one."""

    def tail(self, lines: int) -> str:
        """The last lines."""

    def read(self, most: int = ...) -> str:
        """What came since; "" where there is nothing new."""


OpenOutput: TypeAlias = Callable[[BusFacts, str], OutputReader | None]
"""The output of a service of a bus; None where the bus has no place for it."""


def open_output(facts: BusFacts, service: str) -> OutputReader | None:
    """See `OpenOutput`."""
    try:
        path = output_path(facts.info, service)
    except IPCMError:
        return None
    return None if path is None else Output(path)
