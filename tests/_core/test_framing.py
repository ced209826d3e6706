"""Frames come out as they went in, however the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.framing import HEADER, BadLength, FrameReader
from ipcm.errors import ProtocolError

SCRATCH = 64 << 10


def feed(reader: FrameReader, data: bytes, cuts: list[int]) -> list[bytes]:
    frames: list[bytes] = []
    position = 0
    step = 0
    while position < len(data):
        target = reader.target
        size = min(cuts[step % len(cuts)], len(target), len(data) - position)
        step += 1
        target[:size] = data[position : position + size]
        position += size
        try:
            frames += [bytes(frame) for frame in reader.fed(size)]
        except BadLength as bad:
            bad.frames = [*frames, *map(bytes, bad.frames)]
            raise
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


@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_any_bytes_are_frames_within_the_limit_or_refused(data: bytes, cuts: list[int]) -> None:
    reader = FrameReader(memoryview(bytearray(SCRATCH)), limit=100, first=20)
    bad = None
    try:
        frames = feed(reader, data, cuts)
    except BadLength as error:
        bad, frames = error, [bytes(frame) for frame in error.frames]
    assert all(0 < len(frame) <= (100 if number else 20) for number, frame in enumerate(frames))
    told = b"".join(HEADER.pack(len(frame)) + frame for frame in frames)
    assert data.startswith(told)
    if bad is None:
        assert reader.pending == len(data) - len(told) <= 100 + HEADER.size
    else:
        (length,) = HEADER.unpack_from(data, len(told))
        assert length == 0 or length > (100 if frames else 20)
        assert len(reader.target) == 0


@given(
    frames=st.lists(
        st.one_of(st.binary(min_size=1, max_size=40), st.just(b"y" * 70_000)), max_size=12
    ),
    length=st.sampled_from([0, 70_001, 0xFFFFFFFF]),
    rest=st.binary(max_size=40),
    cuts=st.lists(st.integers(1, 100_000), min_size=1, max_size=8),
)
def test_what_came_before_a_bad_length_counts(
    frames: list[bytes], length: int, rest: bytes, cuts: list[int]
) -> None:
    reader = FrameReader(memoryview(bytearray(SCRATCH)), limit=70_000)
    data = b"".join(HEADER.pack(len(frame)) + frame for frame in frames)
    cuts = [max(cut, len(data) // 2000 + 1) for cut in cuts]
    with pytest.raises(BadLength) as caught:
        feed(reader, data + HEADER.pack(length) + rest, cuts)
    assert caught.value.frames == frames
    assert len(reader.target) == 0


@given(st.integers(1, 100), st.integers(1, 100))
def test_the_first_frame_has_a_limit_of_its_own(first: int, second: int) -> None:
    reader = FrameReader(memoryview(bytearray(SCRATCH)), limit=60, first=30)
    data = b"".join(HEADER.pack(size) + b"x" * size for size in (first, second))
    if first > 30 or second > 60:
        with pytest.raises(ProtocolError):
            feed(reader, data, [7])
    else:
        assert [len(frame) for frame in feed(reader, data, [7])] == [first, second]


@given(
    streams=st.lists(
        st.lists(st.one_of(st.binary(min_size=1, max_size=30), st.just(b"y" * 70_000)), max_size=5),
        min_size=2,
        max_size=4,
    ),
    turns=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50_000)), max_size=60),
)
def test_readers_share_their_scratch_buffer(
    streams: list[list[bytes]], turns: list[tuple[int, int]]
) -> None:
    scratch = memoryview(bytearray(SCRATCH))
    readers = [FrameReader(scratch) for _ in streams]
    rests = [b"".join(HEADER.pack(len(f)) + f for f in frames) for frames in streams]
    got: list[list[bytes]] = [[] for _ in streams]
    for turn, size in [*turns, *((n, 1 << 20) for _ in range(20) for n in range(4))]:
        number = turn % len(streams)
        target = readers[number].target
        piece = rests[number][: min(size, len(target))]
        rests[number] = rests[number][len(piece) :]
        target[: len(piece)] = piece
        if piece:
            got[number] += [bytes(frame) for frame in readers[number].fed(len(piece))]
    assert got == streams
