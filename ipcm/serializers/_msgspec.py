"""What both serializers share: msgspec's failures turned into ours."""

from __future__ import annotations

from collections.abc import Callable

from ipcm._core.envelope import FAILURES, Envelope
from ipcm._core.outbox import Buffer
from ipcm.errors import ContentError, ProtocolError

__all__ = ["MsgspecSerializer"]


class MsgspecSerializer:
    """A serializer made of an encoder and a decoder of msgspec."""

    name = ""

    def __init__(
        self, encode: Callable[[Envelope], bytes], decode: Callable[[Buffer], Envelope]
    ) -> None:
        self.pack = encode
        self.unpack = decode

    def encode(self, envelope: Envelope) -> bytes:
        """Encodes; raises ContentError."""
        try:
            return self.pack(envelope)
        except RecursionError:
            raise ContentError("the content is nested too deep, or contains itself") from None
        except FAILURES as error:
            raise ContentError(f"{self.name} cannot carry this content: {error}") from None

    def decode(self, data: Buffer) -> Envelope:
        """Decodes; raises ProtocolError."""
        try:
            return self.unpack(data)
        except RecursionError:
            raise ProtocolError("an envelope nested too deep") from None
        except FAILURES as error:
            raise ProtocolError(f"not an envelope in {self.name}: {error}") from None
