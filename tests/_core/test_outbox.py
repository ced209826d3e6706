"""The outbox gives every byte once and in order, whatever the kernel takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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
