"""Values as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.cells import (
    clean,
    ms_text,
    percent_text,
    plural,
    rate_text,
    size_text,
    span_text,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-1.0, "0.0s"),
        (0.42, "0.4s"),
        (12.9, "12s"),
        (60, "1m00s"),
        (65, "1m05s"),
        (3600, "1h00m"),
        (90_000, "1d01h"),
    ],
)
def test_spans(seconds: float | None, text: str) -> None:
    assert span_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0000851, "85us"),
        (0.0009996, "1.00ms"),
        (0.00125, "1.25ms"),
        (0.34, "340ms"),
        (0.9999, "1.00s"),
        (2.1, "2.10s"),
    ],
)
def test_latencies(seconds: float | None, text: str) -> None:
    assert ms_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "-"),
        (0, "0B"),
        (999, "999B"),
        (1000, "1.0kB"),
        (999_999, "1.0MB"),
        (34_500_000, "34.5MB"),
        (5 * 10**15, "5000000.0GB"),
    ],
)
def test_sizes(size: int | None, text: str) -> None:
    assert size_text(size) == text


def test_rates_shares_and_counts() -> None:
    rates = {None: "-", 0.0: "0", 2.0: "2.0", 99.9: "99.9", 99.96: "100", 1250.4: "1250"}
    assert {rate: rate_text(rate) for rate in rates} == rates
    shares = {None: "-", 0.04: "0.0%", 9.9: "9.9%", 9.96: "10%", 120.0: "120%"}
    assert {share: percent_text(share) for share in shares} == shares
    assert [plural(number, "peer") for number in (0, 1, 2)] == ["0 peers", "1 peer", "2 peers"]


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    shown = clean(text)
    assert not any(ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 for each in shown)
    assert "\u202e" not in shown
    shown.encode()


def test_lines_stay_where_they_may() -> None:
    assert clean("a\n\x1b[2Jb") == "a\\n\\x1b[2Jb"
    assert clean("a\n\x1b[2Jb", keep_lines=True) == "a\n\\x1b[2Jb"
