"""Figures keep their width, and mean what was measured."""

from __future__ import annotations

import re
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ipcm_tui.models import formatting as f

UNITS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
SIZES = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
COUNTS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}


def read(text: str, units: dict[str, float]) -> float:
    match = re.fullmatch(r"([\d.]+)(\D*)", text)
    assert match, text
    return float(match[1]) * units[match[2]]


@given(st.floats(min_value=0, max_value=1e12))
def test_durations_fit(seconds: float) -> None:
    assert cell_len(f.format_duration(seconds)) <= 6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (-5, "0s"), (59.9, "59s"), (60, "1m00s"), (3599.9, "59m59s"), (3600, "1h00m"),
        (86399, "23h59m"), (86400, "1d00h"), (99 * 86400, "99d00h"), (100 * 86400, "100d"),
        (float("nan"), f.NOTHING), (float("inf"), f.NOTHING),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert f.format_duration(seconds) == text


@given(st.floats(min_value=1e-6, max_value=60_000))
def test_latencies_fit_and_are_right(seconds: float) -> None:
    text = f.format_latency(seconds)
    assert cell_len(text) <= 5
    assert read(text, UNITS) == pytest.approx(seconds, rel=0.5 if seconds < 1e-5 else 0.06)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, f.NOTHING), (0.0, "<1µs"), (3.4e-4, "340µs"), (9.996e-4, "1.0ms"),
        (0.0014, "1.4ms"), (0.00999, "10ms"), (0.9996, "1.0s"), (61, "61s"), (1000, "17m"),
        (float("nan"), f.NOTHING), (-1.0, f.NOTHING),
    ],
)  # fmt: skip
def test_latencies(seconds: float | None, text: str) -> None:
    assert f.format_latency(seconds) == text


@given(st.integers(min_value=0, max_value=999 * 10**12))
def test_sizes_fit_and_are_right(size: int) -> None:
    text = f.format_size(size)
    assert cell_len(text) <= 5
    assert read(text, SIZES) == pytest.approx(size, rel=0.06)


@given(st.integers(min_value=0, max_value=10**20), st.integers(min_value=3, max_value=9))
def test_counts_fit_and_are_right(count: int, width: int) -> None:
    text = f.format_count(count, width)
    assert cell_len(text) <= width
    if text != "∞":
        assert read(text, COUNTS) == pytest.approx(count, rel=0.5 if width == 3 else 0.06)


def test_a_count_that_fits_is_exact() -> None:
    assert f.format_count(99_999, 5) == "99999"
    assert f.format_count(100_000, 5) == "100k"
    assert f.format_count(1000, 3) == "1k"


@given(st.floats(min_value=0, max_value=1e15))
def test_rates_fit(rate: float) -> None:
    assert cell_len(f.format_rate(rate)) <= 5


def test_a_small_rate_is_not_none() -> None:
    assert f.format_rate(0) == "0"
    assert f.format_rate(0.001) == "<0.1"


def test_time_of_day() -> None:
    assert f.format_clock(1_700_000_000.1239, UTC) == "22:13:20.123"
    assert f.format_clock(1_700_000_000.9999, UTC, millis=False) == "22:13:20"


@given(st.text(), st.integers(min_value=0, max_value=40), st.booleans())
def test_padded_text_has_its_width(text: str, width: int, right: bool) -> None:
    assert cell_len(f.pad(f.printable(text), width, right=right)) == width


@given(st.text(max_size=20))
def test_clip_leaves_alone_what_fits(text: str) -> None:
    assert f.clip(text, cell_len(text)) == text


@given(st.text(), st.integers(-2, 30))
def test_squeeze_takes_no_more_room_than_there_is(text: str, width: int) -> None:
    squeezed = f.squeeze(text, width)
    assert cell_len(squeezed) <= max(width, 0)
    assert squeezed == text or "…" in squeezed or width <= 0


def test_squeeze_keeps_both_ends() -> None:
    assert f.squeeze("indexer-worker-11", 10) == "index…r-11"
    assert f.squeeze("日本語日本語", 6) == "日…語"
    assert [f.squeeze("abc", width) for width in (3, 2, 1, 0)] == ["abc", "a…", "…", ""]


def test_clip_shows_that_something_is_missing() -> None:
    assert f.clip("duplicates", 5) == "dupl…"
    assert f.clip("日本語", 4) == "日…"
    assert f.clip("x", 0) == ""


@given(st.text())
def test_nothing_printable_moves_the_cursor(text: str) -> None:
    shown = f.printable(text)
    assert len(shown) == len(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e\ud800-\udfff]", shown)


@given(st.lists(st.floats(min_value=0, max_value=1e9)), st.integers(0, 80))
def test_sparkline_has_its_width(values: list[float], width: int) -> None:
    assert len(f.sparkline(values, width)) == width


def test_sparkline_shows_the_newest_at_the_right() -> None:
    assert f.sparkline([9, 9, 0, 4, 8], 3) == "▁▅█"
    assert f.sparkline([0, 0], 4) == "  ▁▁"
    assert f.sparkline([0.001, 1000], 2)[0] == "▂", "a little is not nothing"
