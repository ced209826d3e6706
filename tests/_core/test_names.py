"""Names: which are refused, and how the others become file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.names import check_bus_name, check_name, file_name, may_be_somebody
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


def test_a_plain_name_is_its_own_file_and_that_of_no_other() -> None:
    assert file_name("store-1.b_c+") == "store-1.b_c+"
    other = file_name("with space")
    assert file_name(other) != other


@pytest.mark.parametrize(
    ("name", "may_be"),
    [("a", True), ("_x", True), ("x" * 40_000, True), ("x" * 40_001, False), ("\ud800", False)],
)
def test_who_is_worth_looking_for(name: str, may_be: bool) -> None:
    assert may_be_somebody(name) is may_be


def test_a_name_that_is_looked_for_is_a_text() -> None:
    with pytest.raises(InvalidName):
        may_be_somebody(5)


@pytest.mark.parametrize("name", ["a", "5-a.b_c", "x" * 100])
def test_good_bus_names(name: str) -> None:
    assert check_bus_name(name) == name


@pytest.mark.parametrize("name", ["", ".x", "a/b", "a b", "x" * 101, "-a", 5])
def test_bad_bus_names(name: object) -> None:
    with pytest.raises(InvalidName):
        check_bus_name(name)
