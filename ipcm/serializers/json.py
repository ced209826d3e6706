"""JSON."""

from __future__ import annotations

from typing import Final

import msgspec

from ipcm._core.envelope import Envelope
from ipcm.serializers._msgspec import MsgspecSerializer

__all__ = ["JsonSerializer"]

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Envelope)


class JsonSerializer(MsgspecSerializer):
    """Readable on the wire; bytes arrive as base64 text, keys of a dict as str, and what is no
    number, or infinite, as None.
    """

    name = "json"

    def __init__(self) -> None:
        super().__init__(_ENCODER.encode, _DECODER.decode)
