"""Frames come out as they went in, however the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.framing import HEADER, FrameReader
from ipcm.errors import ProtocolError

SCRATCH = 64 << 10


def feed(reader: FrameReader, data: bytes, cuts: list[int]) -> list[bytes]:
    frames: list[bytes] = []
    position = 0
    step = 0
    while position < len(data):
        target = reader.target()
        size = min(cuts[step % len(cuts)], len(target), len(data) - position)
        step += 1
        target[:size] = data[position : position + size]
        position += size
        frames += [bytes(frame) for frame in reader.fed(size)]
    return frames


@given(
    frames=st.lists(
        st.one_of(st.binary(min_size=1, max_size=40), st.just(b"y" * 70_000)), max_size=12
    ),
    cuts=st.lists(st.integers(1, 100_000), min_size=1, max_size=8),
)
def test_any_cut_gives_the_same_frames(frames: list[bytes], cuts: list[int]) -> None:
    reader = FrameReader(memoryview(bytearray(SCRATCH)))
    data = b"".join(HEADER.pack(len(frame)) + frame for frame in frames)
    # Single bytes of a stream of this size would take long, and tell nothing more.
    cuts = [max(cut, len(data) // 2000 + 1) for cut in cuts]
    assert feed(reader, data, cuts) == frames
    assert reader.pending == 0


@given(st.binary(min_size=1, max_size=30))
def test_byte_by_byte(frame: bytes) -> None:
    reader = FrameReader(memoryview(bytearray(SCRATCH)))
    assert feed(reader, (HEADER.pack(len(frame)) + frame) * 3, [1]) == [frame] * 3


@pytest.mark.parametrize("length", [0, 1001, 0xFFFFFFFF])
def test_bad_length_is_refused_before_anything_is_allocated(length: int) -> None:
    reader = FrameReader(memoryview(bytearray(SCRATCH)), limit=1000)
    with pytest.raises(ProtocolError):
        feed(reader, HEADER.pack(length), [4])


def test_part_of_a_frame_is_pending() -> None:
    reader = FrameReader(memoryview(bytearray(SCRATCH)))
    assert feed(reader, HEADER.pack(10) + b"abc", [100]) == []
    assert reader.pending == 7
