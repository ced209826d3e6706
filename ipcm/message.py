"""What travels on a bus, as the receiving side sees it."""

from __future__ import annotations

import enum
from typing import Any, Final

import msgspec

from ipcm.errors import IPCMError
from ipcm.shown import Shown

__all__ = ["DEFERRED", "Kind", "Message", "Request", "Response"]


class Kind(enum.StrEnum):
    """What a message is for."""

    GENERAL = "general"
    REQUEST = "request"
    RESPONSE = "response"
    TERMINATE = "terminate"


class Message(Shown, msgspec.Struct, gc=False):
    """One message.

    Attributes:
        id: number that the sender gave it, unique within the sender's incarnation.
        sender: name of the peer it came from, as the transport vouches for it.
        to: name of the peer it was sent to.
        content: the payload, after the serializer.
        kind: general, request, response or terminate.
        correlation_id: of a request, its own id; of a response, the id of the request
            that it answers; else None.
        stamp: when it was sent, in seconds since the epoch, by the sender's clock.
        broadcast: True where it went to every peer.
        error: of a response, the error text of the peer, or None.
        timeout: of a request, the seconds that the sender waits for the answer, or None.
        incarnation: which life of the sender's name it came from, as the transport vouches.
    """

    id: int
    sender: str
    to: str
    content: Any
    kind: Kind = Kind.GENERAL
    correlation_id: int | None = None
    stamp: float = 0.0
    broadcast: bool = False
    error: str | None = None
    timeout: float | None = None
    incarnation: str = ""

    @property
    def is_terminate(self) -> bool:
        """True where the message asks the service to end."""
        return self.kind is Kind.TERMINATE


class Request(Shown, msgspec.Struct, frozen=True, gc=False):
    """A request as a handler gets it.

    Attributes:
        id: the correlation id; with `sender`, what `send_response` takes.
        payload: what was asked.
        sender: name of the asking peer.
    """

    id: int
    payload: Any
    sender: str


# Not without the garbage collector: an exception knows the frames that it went through, and these
# may know the response.
class Response(Shown, msgspec.Struct):
    """How a request ended.

    Attributes:
        id: the id that `send_request` returned.
        payload: the answer, or None.
        error: text of the remote error or of the local failure, or None.
        exception: what `request` would raise, or None.
    """

    id: int
    payload: Any = None
    error: str | None = None
    exception: IPCMError | None = None

    @property
    def ok(self) -> bool:
        """True where the peer answered without an error."""
        return self.exception is None and self.error is None


class _Deferred(enum.Enum):
    DEFERRED = "DEFERRED"

    def __repr__(self) -> str:
        return "ipcm.DEFERRED"


DEFERRED: Final = _Deferred.DEFERRED
"""Returned by a request handler: being processed, `send_response` follows."""
