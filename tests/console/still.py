"""A bus that stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ipcm._core.presence import PeerKind
from ipcm.console.live import Description, Live, read_description
from ipcm.role.endpoints import Endpoint


def search(
    text: str, limit: int = 10, mode: Literal["all", "any word"] = "all", deep: bool = False
) -> None:
    """Finds files.

    By their text.
    """


class Still:
    """A bus that stays as it is."""

    def buses(self) -> Sequence[str]:
        return ["demo", "other"]

    def peers(self) -> Mapping[str, PeerKind]:
        return {"console": "client", "store": "service", "probe": "service"}

    def description(self, service: str) -> Description | None:
        if service != "store":
            return None
        about = Endpoint.of("search", search).describe()
        return read_description({"name": "store", "endpoints": [about]})

    def on(self, bus: str) -> Live:
        return Elsewhere() if bus == "other" else self


class Elsewhere(Still):
    def peers(self) -> Mapping[str, PeerKind]:
        return {"far": "service"}
