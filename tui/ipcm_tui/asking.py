"""Requests that the console itself sends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

from ipcm.errors import IPCMError
from ipcm.message import Response
from ipcm_tui.models.compose import EndpointFacts, read_endpoints
from ipcm_tui.models.peers import Peers
from ipcm_tui.source import Clock, Source

__all__ = ["Asker"]

_TIMEOUT: Final = 30.0
_DESCRIBE: Final = 0.25


@dataclasses.dataclass(slots=True)
class _Open:
    sent: float
    on_end: Callable[[Response, float], None]


class Asker:
    """Sends requests through the observer, and tells how each ends.

    Args:
        source: connected so that it may send.
        on_sent: called after each request that went out.
    """

    def __init__(
        self,
        source: Source,
        peers: Peers,
        clock: Clock,
        on_sent: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._peers = peers
        self._clock = clock
        self._on_sent = on_sent
        self._open: dict[int, _Open] = {}

    @property
    def waiting(self) -> bool:
        """Whether a request is open."""
        return bool(self._open)

    def peer_names(self) -> list[str]:
        """Whom one can ask, services first."""
        return self._peers.names()

    def endpoints(self, peer: str) -> dict[str, EndpointFacts]:
        """What a service offers; what is known of its past requests where it does not tell.

        It waits a quarter of a second at most, and not at all for one that is known to be busy.
        """
        found = self._peers.live(peer)
        if found is None or not found.is_service:
            return {}
        if found.state != "busy":
            try:
                return read_endpoints(self._source.describe(peer, _DESCRIBE))
            except IPCMError:
                pass  # it left or hangs; what follows is the next best answer
        seen = found.snapshot.endpoints if found.snapshot is not None else {}
        return {name: EndpointFacts(name) for name in seen}

    def send(self, peer: str, payload: Any, on_end: Callable[[Response, float], None]) -> int:
        """Sends a request.

        Args:
            on_end: called from `settle`, once, with the response and the seconds it took.

        Returns:
            Its id, for `forget`.

        Raises:
            IPCMError: it could not be sent.
        """
        sent = self._clock.monotonic()
        id = self._source.send_request(peer, payload, timeout=_TIMEOUT)
        self._open[id] = _Open(sent, on_end)
        self._on_sent()
        return id

    def forget(self, id: int) -> None:
        """Nobody wants to know any more."""
        self._open.pop(id, None)

    def settle(self) -> None:
        """Tells of the requests that have ended."""
        for id, request in list(self._open.items()):
            response = self._source.get_response(id)
            if response is not None and self._open.pop(id, None) is not None:
                request.on_end(response, self._clock.monotonic() - request.sent)
