"""What a handle and a peer object share: asking one particular service."""

from __future__ import annotations

from typing import Any

from ipcm.client import DEFAULT_TIMEOUT

__all__ = ["Asking"]


class Asking:
    """Turns `call` into a request for an endpoint."""

    def request(self, payload: Any, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """Asks and waits; see `Client.request`."""
        raise NotImplementedError

    def call(self, endpoint: str, /, **args: Any) -> Any:
        """Calls an endpoint and waits for what it returns, 30 seconds at the most.

        All keywords are the endpoint's. `request({"endpoint": ..., "args": {...}}, timeout=5)` is
        the same with another time-out.

        Raises:
            RemoteError: it does not exist, the arguments do not fit, or it failed.
            RequestTimeout, PeerGone, NoSuchPeer: no answer came.
        """
        return self.request({"endpoint": endpoint, "args": args})
