"""What one tests one's own services and transports with.

    >>> from ipcm.testing import TransportContract
    >>> class TestMine(TransportContract):
    ...     transport = "mine"

Loaded when first used; `TransportContract` needs pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipcm.testing.clock import VirtualClock
    from ipcm.testing.contract import TransportContract
    from ipcm.testing.running import Thread, running
    from ipcm.testing.stage import Stage, Stalled

__all__ = ["Stage", "Stalled", "Thread", "TransportContract", "VirtualClock", "running"]

_HOMES = {
    "Stage": "ipcm.testing.stage",
    "Stalled": "ipcm.testing.stage",
    "Thread": "ipcm.testing.running",
    "TransportContract": "ipcm.testing.contract",
    "VirtualClock": "ipcm.testing.clock",
    "running": "ipcm.testing.running",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ipcm.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
