"""What a worker sends: pieces that fit, patiently."""

from __future__ import annotations

import msgspec
import pytest

from ipcm.demo.digest import MOST_TEXT
from ipcm.demo.records import FileFacts, SkippedFile
from ipcm.demo.worker import PIECE_BYTES, PIECE_FILES, Pieces, patiently
from ipcm.errors import Backpressure


def facts(text: str | None = "x") -> FileFacts:
    return FileFacts(b"path", 1, "0" * 64, text=text)


def test_a_piece_is_cut_by_its_files() -> None:
    pieces = Pieces(most_files=3)
    assert pieces.rest() is None
    assert pieces.add(facts()) is None
    assert pieces.add(SkippedFile(b"s", "vanished")) is None
    piece = pieces.add(facts())
    assert piece is not None
    assert (len(piece["files"]), len(piece["skipped"])) == (2, 1)
    assert pieces.rest() is None
    pieces.add(facts())
    rest = pieces.rest()
    assert rest is not None
    assert len(rest["files"]) == 1


def test_a_piece_is_cut_by_its_bytes() -> None:
    pieces = Pieces(most_bytes=1000)
    assert pieces.add(facts("x" * 500)) is None
    assert pieces.add(facts("x" * 500)) is not None


def test_no_piece_comes_near_the_frame_cap() -> None:
    pieces = Pieces()
    largest = 0
    text = "\U0001f4a5" * (MOST_TEXT // 4)
    for number in range(3 * PIECE_FILES):
        piece = pieces.add(facts(text if number % 7 == 0 else "a" * (PIECE_BYTES // 3)))
        if piece is not None:
            largest = max(largest, len(msgspec.msgpack.encode(piece)))
    assert 0 < largest < 4 << 20


class Full:
    """A client whose peer has no room at first."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.sent = 0
        self.flushed = 0

    def send(self) -> None:
        if self.times:
            self.times -= 1
            raise Backpressure("store", 100, 100)
        self.sent += 1

    def flush(self, timeout: float | None = None) -> bool:
        self.flushed += 1
        return True

    def poll(self, timeout: float | None = 0.0) -> bool:
        return False


def test_a_full_outbox_is_waited_for() -> None:
    client = Full(3)
    patiently(client, client.send)
    assert (client.sent, client.flushed) == (1, 3)


def test_but_not_for_ever() -> None:
    client = Full(-1)
    with pytest.raises(Backpressure):
        patiently(client, client.send, patience=0.0)
    assert client.sent == 0
