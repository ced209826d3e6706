"""JSON."""

from __future__ import annotations

import msgspec

from ipcm._core.envelope import Envelope
from ipcm.serializers._msgspec import MsgspecSerializer

__all__ = ["JsonSerializer"]


class JsonSerializer(MsgspecSerializer):
    """Readable on the wire; bytes arrive as base64 text, keys of a dict as str, and what is no
    number, or infinite, as None.
    """

    name = "json"

    def __init__(self) -> None:
        super().__init__(msgspec.json.Encoder().encode, msgspec.json.Decoder(Envelope).decode)
