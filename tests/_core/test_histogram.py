"""Percentiles are right within the width of a bucket; rates decay."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.histogram import LogHistogram, RateMeter


@given(st.lists(st.floats(1e-6, 100.0), min_size=1, max_size=200))
def test_percentiles(spans: list[float]) -> None:
    histogram = LogHistogram()
    for span in spans:
        histogram.add(span)
    p50, p100 = histogram.percentiles(0.5, 1.0)
    assert p50 == pytest.approx(statistics.median_low(spans), rel=0.1)
    assert p100 == pytest.approx(max(spans), rel=0.1)


def test_empty_and_out_of_range() -> None:
    histogram = LogHistogram()
    assert histogram.percentiles(0.5, 0.95) == [0.0, 0.0]
    for span in (-1.0, 0.0, 1e9):
        histogram.add(span)
    assert histogram.count == 3


def test_rate_over_the_window() -> None:
    meter = RateMeter(window=10)
    assert meter.rate(50.0) == 0.0
    for tick in range(200):
        meter.add(100.0 + tick * 0.1)
    assert meter.rate(120.0) == pytest.approx(10.0, rel=0.1)
    assert meter.rate(125.0) == pytest.approx(5.0, rel=0.2)
    assert meter.rate(1000.0) == 0.0


def test_rate_of_the_first_moment_is_not_absurd() -> None:
    meter = RateMeter()
    meter.add(7.0)
    assert meter.rate(7.0) == 1.0


@given(st.lists(st.floats(allow_nan=False), max_size=100))
def test_any_span_is_counted_and_percentiles_ascend(spans: list[float]) -> None:
    histogram = LogHistogram()
    for span in spans:
        histogram.add(span)
    assert histogram.count == len(spans)
    found = histogram.percentiles(0.0, 0.5, 0.95, 0.99, 1.0)
    assert found == sorted(found)
    assert len(found) == 5


@given(
    waits=st.lists(st.tuples(st.floats(0.0, 30.0), st.integers(1, 5)), max_size=60),
    start=st.floats(0.0, 1e6),
)
def test_a_rate_is_what_came_in_the_window(waits: list[tuple[float, int]], start: float) -> None:
    meter = RateMeter(window=10)
    now, came = start, []
    for wait, count in waits:
        now += wait
        meter.add(now, count)
        came.append((now, count))
    recent = sum(count for when, count in came if int(when * 8) >= int(now * 8) - 80)
    rate = meter.rate(now)
    assert 0 <= rate <= recent
    assert rate * 11 >= recent or recent == 0
