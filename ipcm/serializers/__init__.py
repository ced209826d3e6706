"""How an envelope becomes bytes: `msgpack` (the default) and `json`, both by msgspec.

Neither can make an object of a class of the receiver's: what arrives is None, bool, int, float,
str, bytes, list, dict and date or time. Never pickle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ipcm._core.envelope import Envelope
from ipcm._core.outbox import Buffer
from ipcm.errors import BadBusInfo

__all__ = ["DEFAULT", "NAMES", "Serializer", "get_serializer"]

DEFAULT = "msgpack"
NAMES = ("msgpack", "json")


class Serializer(Protocol):
    """Turns envelopes into bytes and back.

    Attributes:
        pack, unpack: as `encode` and `decode`, but they raise one of the envelope's `FAILURES`. A
            message takes each once, and there a call around the encoder's own is a thirtieth of
            its time.
    """

    name: str
    pack: Callable[[Envelope], bytes]
    unpack: Callable[[Buffer], Envelope]

    def encode(self, envelope: Envelope) -> bytes:
        """Encodes.

        Raises:
            ContentError: the content cannot be carried.
        """
        ...

    def decode(self, data: Buffer) -> Envelope:
        """Decodes; the data may be overwritten afterwards.

        Raises:
            ProtocolError: these bytes are no envelope.
        """
        ...


def get_serializer(name: str) -> Serializer:
    """Finds a serializer by its name.

    Raises:
        BadBusInfo: there is none of that name.
    """
    if name == "msgpack":
        from ipcm.serializers.msgpack import MsgpackSerializer

        return MsgpackSerializer()
    if name == "json":
        from ipcm.serializers.json import JsonSerializer

        return JsonSerializer()
    raise BadBusInfo(f"unknown serializer {name!r}; known: {', '.join(NAMES)}")
