"""Frames come out as they went in, however the stream is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core import framing
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


@pytest.mark.parametrize("large", [3, 64 << 10])
def test_a_stream_may_be_cut_anywhere(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "_LARGE", large)
    frames = [b"a" * 9, b"b", b"c" * 5]
    data = b"".join(HEADER.pack(len(frame)) + frame for frame in frames)
    for cuts in itertools.product(range(1, len(data) + 1), repeat=2):
        reader = FrameReader(memoryview(bytearray(SCRATCH)), limit=9)
        assert feed(reader, data, [*cuts]) == frames, cuts


@pytest.mark.parametrize("length", [0, 1001, 0xFFFFFFFF])
def test_bad_length_is_refused_before_anything_is_allocated(length: int) -> None:
    reader = FrameReader(memoryview(bytearray(SCRATCH)), limit=1000)
    with pytest.raises(ProtocolError):
        feed(reader, HEADER.pack(length), [4])


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
    rest = data[len(told) :]
    if bad is None:
        assert len(rest) < HEADER.size or len(rest) < HEADER.size + HEADER.unpack_from(rest)[0]
    else:
        (length,) = HEADER.unpack_from(rest)
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


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("first", "second"), [(1, 60), (30, 60), (30, 30), (30, 61), (31, 60), (31, 1)]
)
def test_the_first_frame_has_a_limit_of_its_own(first: int, second: int, whole: bool) -> None:
    reader = FrameReader(memoryview(bytearray(SCRATCH)), limit=60, first=30)
    data = b"".join(HEADER.pack(size) + b"x" * size for size in (first, second))
    cuts = [first + HEADER.size, second + HEADER.size] if whole else [7]
    if first > 30 or second > 60:
        with pytest.raises(ProtocolError):
            feed(reader, data, cuts)
    else:
        assert [len(frame) for frame in feed(reader, data, cuts)] == [first, second]


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
