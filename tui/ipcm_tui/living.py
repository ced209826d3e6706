"""What lives on the bus of a session, for whoever completes or checks a typed line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from ipcm._core.presence import PeerKind
from ipcm.console.live import Description, Live, read_description
from ipcm.errors import IPCMError
from ipcm_tui.session import Session

__all__ = ["SessionLive"]

_FRESH: Final = 5.0


class SessionLive:
    """See `ipcm.console.live.Live`: answers from what the session knows, and never waits.

    What a service offers is asked for when it is first wanted, and there a moment later.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, tuple[float, Description | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def buses(self) -> Sequence[str]:
        """See `Live`."""
        return [self._session.facts.name]

    def peers(self) -> Mapping[str, PeerKind]:
        """See `Live`."""
        return {name: info.kind for name, info in self._session.source.presence.items()}

    def description(self, service: str) -> Description | None:
        """See `Live`."""
        now = self._session.clock.monotonic()
        asked, known = self._known.get(service, (-_FRESH, None))
        if now - asked >= _FRESH and self.peers().get(service) == "service":
            self._known[service] = (now, known)
            task = asyncio.get_running_loop().create_task(self._learn(service, now))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return known

    def on(self, bus: str) -> Live:
        """See `Live`; nothing is known of other buses."""
        del bus
        return self

    async def _learn(self, service: str, now: float) -> None:
        try:
            about = read_description(await self._session.source.describe(service))
        except IPCMError:
            return
        self._known[service] = (now, about)
