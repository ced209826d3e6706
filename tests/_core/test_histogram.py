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
