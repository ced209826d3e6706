"""The outbox gives every byte once and in order, whatever the kernel takes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ipcm._core.outbox import Outbox


@given(
    frames=st.lists(st.binary(min_size=1, max_size=50), max_size=20),
    takes=st.lists(st.integers(0, 200), min_size=1, max_size=10).filter(any),
)
def test_partial_writes(frames: list[bytes], takes: list[int]) -> None:
    outbox = Outbox()
    for frame in frames:
        outbox.put(frame)
    assert outbox.bytes == sum(map(len, frames))
    assert len(outbox) == len(frames)
    sent = b""
    step = 0
    while outbox.bytes:
        head = b"".join(outbox.head())
        size = min(takes[step % len(takes)], len(head))
        step += 1
        sent += head[:size]
        outbox.taken(size)
    assert sent == b"".join(frames)
    assert len(outbox) == 0


def test_clear_forgets_a_half_sent_frame() -> None:
    outbox = Outbox()
    outbox.put(b"abcdef")
    outbox.taken(2)
    outbox.clear()
    outbox.put(b"xyz")
    assert b"".join(outbox.head()) == b"xyz"
    assert outbox.bytes == 3


def test_head_is_bounded() -> None:
    outbox = Outbox()
    for _ in range(1000):
        outbox.put(b"x" * 100_000)
    assert sum(map(len, outbox.head())) <= 2 << 20


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    taken=st.integers(0, 60),
    most_bytes=st.integers(1, 200),
)
def test_something_goes_whatever_there_is_more_of(
    sizes: list[int], taken: int, most_bytes: int
) -> None:
    """Frames beyond both bounds, beyond either of them, and beyond none."""
    outbox = Outbox()
    data = b""
    for number, size in enumerate(sizes):
        frame = bytes([number]) * size
        outbox.put(frame)
        data += frame
    taken = min(taken, len(data) - 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ipcm._core.outbox._MOST_BUFFERS", 8)
        patch.setattr("ipcm._core.outbox._MOST_BYTES", most_bytes)
        outbox.taken(taken)
        buffers = outbox.head()
    head = b"".join(buffers)
    assert head and data[taken:].startswith(head)
    assert len(buffers) <= 8
    assert len(b"".join(buffers[:-1])) < most_bytes
    assert head == data[taken:] or len(buffers) == 8 or len(head) >= most_bytes


class OutboxMachine(RuleBasedStateMachine):
    """Whatever order it is filled, emptied and cleared in, it is a queue of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox()
        self.frames: list[bytes] = []

    @rule(frame=st.binary(min_size=1, max_size=40))
    def put(self, frame: bytes) -> None:
        self.outbox.put(frame)
        self.frames.append(frame)

    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        head = b"".join(self.outbox.head())
        size = data.draw(st.integers(0, len(head)))
        self.outbox.taken(size)
        while self.frames and size >= len(self.frames[0]):
            size -= len(self.frames.pop(0))
        if size:
            self.frames[0] = self.frames[0][size:]

    @rule()
    def clear(self) -> None:
        self.outbox.clear()
        self.frames.clear()

    @invariant()
    def it_is_the_same(self) -> None:
        assert self.outbox.bytes == sum(map(len, self.frames))
        assert len(self.outbox) == len(self.frames)
        assert b"".join(self.outbox.head()) == b"".join(self.frames)[: 1 << 20]


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=40, stateful_step_count=30)
