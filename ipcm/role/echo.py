"""A service that answers what it is asked."""

from __future__ import annotations

from typing import Any

from ipcm.message import Message, Request
from ipcm.role.callbacks import Service

__all__ = ["EchoService"]


class EchoService(Service):
    """Answers its payload."""

    def handle_request(self, request: Request, message: Message) -> Any:
        """Returns the payload."""
        return request.payload
