"""Requests that the console itself sends."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any, Final

from ipcm.client import DEFAULT_TIMEOUT
from ipcm.console.live import EndpointDescription, read_description
from ipcm.errors import Backpressure, IPCMError, NoSuchPeer, UnsupportedError
from ipcm_tui.models.peers import Peers
from ipcm_tui.source import Clock, Source

__all__ = ["Answer", "Asker"]

_DESCRIBE: Final = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended.

    Attributes:
        error: why it failed; None where it was answered. sent: whether it went out at all.
        took: seconds.
    """

    payload: Any
    error: str | None
    took: float
    sent: bool = True


class Asker:
    """Sends requests through the observer, and tells how each ends.

    Args:
        source: connected so that it may send.
    """

    def __init__(self, source: Source, peers: Peers, clock: Clock) -> None:
        self._source = source
        self._peers = peers
        self._clock = clock
        self._open: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> bool:
        """Whether a request is open."""
        return bool(self._open)

    def peer_names(self) -> list[str]:
        """Whom one can ask, services first."""
        return self._peers.names()

    async def endpoints(self, peer: str) -> dict[str, EndpointDescription]:
        """What a service offers; what is known of its past requests where it does not tell.

        It waits a second at most, and not at all for one that is known to be busy.
        """
        found = self._peers.live(peer)
        if found is None or not found.is_service:
            return {}
        if found.state != "busy":
            try:
                about = read_description(await self._source.describe(peer, _DESCRIBE))
            except IPCMError:
                about = None  # it left or hangs; what follows is the next best answer
            if about is not None:
                return {each.name: each for each in about.endpoints}
        seen = found.snapshot.endpoints if found.snapshot is not None else {}
        return {name: EndpointDescription(name) for name in seen}

    def send(self, peer: str, payload: Any, on_end: Callable[[Answer], None]) -> asyncio.Task[None]:
        """Sends a request.

        Args:
            on_end: called once, when it has ended, unless it was given up.

        Returns:
            What to cancel, where nobody wants to know any more.
        """
        task = asyncio.get_running_loop().create_task(self._ask(peer, payload, on_end))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        return task

    def close(self) -> None:
        """Gives up what is open."""
        for task in list(self._open):
            task.cancel()

    async def _ask(self, peer: str, payload: Any, on_end: Callable[[Answer], None]) -> None:
        sent = self._clock.monotonic()

        def took() -> float:
            return self._clock.monotonic() - sent

        try:
            payload = await self._source.request(peer, payload, DEFAULT_TIMEOUT)
        except (NoSuchPeer, Backpressure, UnsupportedError) as error:
            answer = Answer(None, str(error), took(), sent=False)
        except IPCMError as error:
            answer = Answer(None, str(error) or type(error).__name__, took())
        else:
            answer = Answer(payload, None, took())
        on_end(answer)
