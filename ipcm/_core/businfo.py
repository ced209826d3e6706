"""The info string of a bus: a JSON triple of transport, serializer and route."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from ipcm.errors import BadBusInfo

__all__ = ["BusInfo"]

_decode: Final = msgspec.json.Decoder(tuple[str, str, str]).decode


class BusInfo(NamedTuple):
    """How a peer finds its bus.

    Attributes:
        transport: name of a transport. serializer: name of a serializer.
        route: where: for `unix`, the absolute path of the bus directory.
    """

    transport: str
    serializer: str
    route: str

    def __str__(self) -> str:
        return msgspec.json.encode(tuple(self)).decode()

    @classmethod
    def parse(cls, text: str) -> BusInfo:
        """Reads an info string.

        Raises:
            BadBusInfo: it is not a JSON list of three non-empty strings.
        """
        try:
            parts = _decode(text)
        except (msgspec.DecodeError, TypeError, UnicodeError) as error:
            raise BadBusInfo(f"not a bus info string: {text!r:.200} ({error})") from None
        if not all(parts):
            raise BadBusInfo(f"a part of this bus info string is empty: {text!r:.200}")
        return cls(*parts)
