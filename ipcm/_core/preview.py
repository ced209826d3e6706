"""What observers see of a message, an error or a value: as much as can be sent and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from ipcm._core.envelope import FAILURES

__all__ = ["ERROR_CHARACTERS", "PREVIEW_BYTES", "cut_text", "make_preview", "make_value"]

PREVIEW_BYTES: Final = 256
ERROR_CHARACTERS: Final = 1024
"""What observers see of an error, its traceback left out."""

_LARGEST_VALUE: Final = 4096
_GAP: Final = " ... "


def cut_text(text: str, most: int) -> str:
    """A text that every serializer can carry, of `most` characters: a longer one loses its middle.

    Lone surrogates, which names of files may bring, are written as escapes.
    """
    if len(text) > most:
        room = most - len(_GAP)
        text = text[: room // 2] + _GAP + text[-(room - room // 2) :]
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def make_value(
    value: Any, redact: Callable[[Any], Any] | None = None, *, previews: bool = True
) -> Any:
    """The value itself where every serializer can carry it and it is small, else its preview.

    Args:
        redact: as for `make_preview`. previews: whether what there is to redact is shown at all.
            A number, or None, is as it is: how something ended, and nothing that was said.
    """
    if not (value is None or isinstance(value, int | float)):
        if not previews:
            return "(not shown)"
        if redact is not None:
            return make_preview(value, redact)
    try:
        msgspec.json.encode(value)
        if len(msgspec.msgpack.encode(value)) <= _LARGEST_VALUE:
            return value
    except FAILURES:
        pass
    return make_preview(value)


def make_preview(
    content: Any, redact: Callable[[Any], Any] | None = None, *, small: bool = False
) -> str:
    """The content as text, cut at 256 bytes. It takes no longer for large content than for small.

    Args:
        redact: takes the content and returns what may be shown. Where it fails, nothing is;
            also where it would end the process, which is not for those who look to do.
        small: the content is known to be hardly longer than the cut, so that it need not be
            looked through first; that takes four times as long as the text.
    """
    if redact is not None:
        try:
            content = redact(content)
        except KeyboardInterrupt:
            raise  # that is not its own
        except BaseException as error:  # noqa: BLE001 (somebody looks: the service must not suffer)
            return f"(not shown: redact() failed with {type(error).__name__})"
    try:
        if not small or redact is not None:
            content = _beginning(content, [PREVIEW_BYTES])
        raw = msgspec.json.encode(content)
    except FAILURES:
        raw = _repr(content).encode(errors="replace")
    if len(raw) <= PREVIEW_BYTES:
        return raw.decode(errors="replace")
    return raw[: PREVIEW_BYTES - 3].decode(errors="ignore") + "..."


def _beginning(content: Any, room: list[int]) -> Any:
    """Enough of the content for a text that is longer than the cut, and the same up to there.

    Args:
        room: of one number, the parts that may still come: each begins with a character at
            least, and makes two. That bounds the depth, too.
    """
    room[0] -= 1
    if isinstance(content, str | bytes | bytearray | memoryview):
        return content[: PREVIEW_BYTES + 1]
    if isinstance(content, list | tuple):
        parts: list[Any] = []
        for each in content:
            if room[0] <= 0:
                break
            parts.append(_beginning(each, room))
        return parts
    if type(content) is dict:
        shown = {}
        for key, value in content.items():
            if room[0] <= 0:
                break
            name = key[: PREVIEW_BYTES + 1] if isinstance(key, str) else key
            shown[name] = _beginning(value, room)
        return shown
    return content


def _repr(content: Any) -> str:
    try:
        return repr(content)
    except Exception as error:  # noqa: BLE001 (as above)
        return f"(not shown: {type(error).__name__})"
