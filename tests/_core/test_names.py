"""Names: which are refused, and how the others become file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.names import check_bus_name, check_name, file_name
from ipcm.errors import InvalidName

BAD = ["", "_x", "a/b", "a\0b", "a\nb", " a", "a ", "\ud800", 5, None, "é" * 20_001, "a\u2028b"]


@pytest.mark.parametrize("name", BAD)
def test_bad_names(name: object) -> None:
    with pytest.raises(InvalidName):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["a", "with space", "ünï", "a.b", "..", "x" * 10_000, "😀" * 10_000]
)
def test_good_names(name: str) -> None:
    assert check_name(name) == name
    assert len(file_name(name)) <= 42
    assert "/" not in file_name(name)
    assert file_name(name) not in (".", "..")


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_names_never_share_a_file(one: str, other: str) -> None:
    one, other = (text.encode(errors="replace").decode() for text in (one, other))
    assert (file_name(one) == file_name(other)) == (one == other)


@pytest.mark.parametrize("name", ["", ".x", "a/b", "a b", "x" * 101, "-a", 5])
def test_bad_bus_names(name: object) -> None:
    with pytest.raises(InvalidName):
        check_bus_name(name)
