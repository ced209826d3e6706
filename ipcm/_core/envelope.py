"""The envelope: what a transport carries from one peer to another.

The sender's name and incarnation are no part of it: the transport binds them (at the hello of a
connection, in the address of a datagram, in the row of a table), so that nobody can claim them
message by message, and a small request stays small.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = [
    "BROADCAST",
    "CONTROL",
    "EVENTS",
    "FAILURES",
    "GENERAL",
    "REQUEST",
    "RESPONSE",
    "TERMINATE",
    "Envelope",
]

GENERAL: Final = 0
BROADCAST: Final = 1
REQUEST: Final = 2
RESPONSE: Final = 3
TERMINATE: Final = 4
CONTROL: Final = 5
"""A request to the control plane of a service; answered with a RESPONSE."""
EVENTS: Final = 6
"""A batch of events for an observer."""

FAILURES: Final = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)
"""What encoding and decoding by msgspec may raise of what cannot be carried, or is none."""


class Envelope(msgspec.Struct, array_like=True, gc=False):
    """One message on its way.

    Attributes:
        kind: one of the constants of this module.
        id: number given by the sender; of a RESPONSE, the id of the request that it answers.
        content: the payload.
        aux: of a REQUEST or CONTROL, the seconds that the sender waits, or None for ever;
            of a RESPONSE, the error text, or None; of a TERMINATE, None.
        stamp: seconds since the epoch by the sender's clock.
    """

    kind: int
    id: int
    content: Any
    aux: float | str | None = None
    stamp: float = 0.0
