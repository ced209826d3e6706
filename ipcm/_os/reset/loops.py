"""No event loop, running or set: the starter's goes on in the starter."""

from __future__ import annotations

import sys
from typing import Any

from ipcm._os.reset.relics import bury

__all__ = ["forget_loops"]


def forget_loops() -> None:
    """Whoever asks for a loop from here on makes one, with a selector of its own."""
    events: Any = sys.modules.get("asyncio.events")
    if events is None:
        return
    bury(events._get_running_loop())
    events._set_running_loop(None)
    policy = events._event_loop_policy
    local = getattr(policy, "_local", None)
    if local is not None:
        bury(local)
        policy._local = type(local)()
    if getattr(policy, "_watcher", None) is not None:
        bury(policy._watcher)
        policy._watcher = None
