"""What a few letters may mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.fuzzy import rank, score


def ranked(needle: str, *texts: str) -> list[str]:
    return rank(needle, texts, str)


def test_the_likeliest_comes_first() -> None:
    assert ranked("st", "latest", "big-store", "Stats", "store", "sort") == [
        "store", "Stats", "big-store", "latest", "sort",
    ]  # fmt: skip
    assert ranked("sto", "s-t-o", "asto") == ["asto", "s-t-o"]
    assert ranked("fb", "fooBar", "fab") == ["fab", "fooBar"]


def test_where_nothing_is_typed_all_stay_as_they_are() -> None:
    assert ranked("", "b", "a") == ["b", "a"]


@given(st.text("abAB-", max_size=4), st.text("abAB-_", max_size=8))
def test_what_has_the_letters_in_their_order_fits(needle: str, text: str) -> None:
    letters = iter(text.lower())
    fits = all(letter in letters for letter in needle.lower())
    assert (score(needle, text) is not None) is fits


@given(st.text("ab", min_size=1, max_size=4), st.text("ab", max_size=4))
def test_nothing_is_better_than_a_beginning(needle: str, rest: str) -> None:
    assert score(needle, needle + rest) == (0, 0)
