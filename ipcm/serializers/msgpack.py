"""MessagePack."""

from __future__ import annotations

import msgspec

from ipcm._core.envelope import Envelope
from ipcm.serializers._msgspec import MsgspecSerializer

__all__ = ["MsgpackSerializer"]


class MsgpackSerializer(MsgspecSerializer):
    """The default: carries bytes as they are."""

    name = "msgpack"

    def __init__(self) -> None:
        super().__init__(msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Envelope).decode)
