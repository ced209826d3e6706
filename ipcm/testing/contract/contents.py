"""What can be carried, what cannot, and how much of it."""

from __future__ import annotations

from typing import Any

import pytest

import ipcm
from ipcm import Bus
from ipcm.testing.contract.base import Base, read
from ipcm.transports.base import Limits

__all__ = ["Contents"]

_ENDLESS: list[Any] = []
_ENDLESS.append(_ENDLESS)
_FRAME = Limits().frame


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


class Contents(Base):
    """Content goes through the serializer, and arrives equal or is refused to the sender."""

    def test_what_arrives_is_what_was_sent(self, bus: Bus) -> None:
        contents: list[Any] = [
            None, True, 0, -(1 << 63), (1 << 64) - 1, 1.5, "", "é😀\n", [], {}, [[[]]],
            {"a": [1, {"b": None}], "": ""},
        ]  # fmt: skip
        with bus.connect("a") as a, bus.connect("b") as b:
            for content in contents:
                a.send_message("b", content)
            got = [message.content for message in read(b, len(contents))]
            assert got == contents
            assert [type(each) for each in got] == [type(each) for each in contents]

    def test_bytes_where_the_serializer_has_them(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            a.send_message("b", bytes(range(256)))
            (got,) = read(b, 1)
            assert got.content == bytes(range(256)) or bus.serializer == "json"

    def test_nothing_is_shared_with_the_sender(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            content = {"list": [1]}
            a.send_message("b", content)
            content["list"].append(2)
            (got,) = read(b, 1)
            assert got.content == {"list": [1]}

    def test_what_cannot_be_carried_is_refused(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            for content in (object(), [{1j}], "\ud800", lambda: 1, _ENDLESS):
                with pytest.raises(ipcm.ContentError):
                    a.send_message("b", content)
                assert isinstance(a.try_message("b", content).err, ipcm.ContentError)
                assert isinstance(a.broadcast(content)["b"].err, ipcm.ContentError)
            a.send_message("b", "next")
            assert [message.content for message in read(b, 1)] == ["next"]

    def test_what_is_nested_too_deep_is_refused(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            with pytest.raises(ipcm.ContentError, match="nested"):
                a.send_message("b", _deep())
            a.send_message("b", "next")
            assert [message.content for message in read(b, 1)] == ["next"]

    def test_up_to_the_cap_it_goes_through(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            large = "x" * (_FRAME - 100)
            a.send_message("b", large)
            (got,) = read(b, 1, a)
            assert got.content == large

    def test_over_the_cap_it_is_refused(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            with pytest.raises(ipcm.MessageTooLarge) as caught:
                a.send_message("b", "x" * (_FRAME + 1))
            assert caught.value.size > caught.value.limit == _FRAME
            a.send_message("b", "next")
            assert [message.content for message in read(b, 1)] == ["next"]
