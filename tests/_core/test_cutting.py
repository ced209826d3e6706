from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.cutting import HEADER_BYTES, Head, make_head, read_head


@given(st.integers(0, 10**19), st.booleans())
def test_what_is_written_is_read(lost: int, cutting: bool) -> None:
    line = make_head(lost, cutting)
    assert len(line) == HEADER_BYTES
    assert read_head(line) == Head(lost, HEADER_BYTES, cutting)


@given(st.binary(max_size=100))
def test_any_other_beginning_is_output(start: bytes) -> None:
    assert read_head(start) == Head(0, 0, False)


def test_a_place_stays_what_it_is() -> None:
    assert Head().position(7) == 7
    assert Head(100, 40).position(130) == 70
    assert Head(100, 40).position(60) == 40
