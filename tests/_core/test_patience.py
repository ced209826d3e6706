"""What may be given as a time to wait."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

import ipcm
from ipcm._core.patience import LONGEST_WAIT, check_seconds, check_timeout, milliseconds


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        (0, 0.0),
        (5, 5.0),
        (0.5, 0.5),
        (True, 1.0),
        (-1, 0.0),
        (-math.inf, 0.0),
        (math.inf, math.inf),
        (10**400, math.inf),
        (Fraction(1, 2), 0.5),
        (-(10**400), 0.0),
    ],
)
def test_numbers_of_seconds(given: Any, seconds: float | None) -> None:
    assert check_timeout(given) == seconds
    assert type(check_timeout(given)) in (float, type(None))


@pytest.mark.parametrize("given", ["x", "5", b"5", math.nan, {}, [1], 1j, object()])
def test_what_is_none(given: Any) -> None:
    with pytest.raises(ipcm.UsageError, match=r"timeout has .* of seconds .*for ever"):
        check_timeout(given)
    with pytest.raises(ipcm.UsageError, match="grace has to be a number of seconds, and is "):
        check_seconds(given, "grace")


def test_for_ever_where_it_has_to_be_a_time() -> None:
    with pytest.raises(ipcm.UsageError, match="and is None"):
        check_seconds(None, "grace")


def test_a_wait_in_milliseconds_is_one_that_poll_takes() -> None:
    assert milliseconds(None) is None
    assert milliseconds(0.25) == 250
    assert milliseconds(-1.0) == 0, "less than nothing would be for ever"
    assert milliseconds(float("inf")) == LONGEST_WAIT * 1000 < 2**31
