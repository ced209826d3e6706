"""MessagePack."""

from __future__ import annotations

from typing import Final

import msgspec

from ipcm._core.envelope import Envelope
from ipcm.serializers._msgspec import MsgspecSerializer

__all__ = ["MsgpackSerializer"]

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Envelope)


class MsgpackSerializer(MsgspecSerializer):
    """The default: carries bytes as they are."""

    name = "msgpack"

    def __init__(self) -> None:
        super().__init__(_ENCODER.encode, _DECODER.decode)
