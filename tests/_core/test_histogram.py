"""Percentiles are right within the width of a bucket."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.histogram import LogHistogram


@given(st.lists(st.floats(1e-6, 100.0), min_size=1, max_size=200))
def test_percentiles(spans: list[float]) -> None:
    histogram = LogHistogram()
    for span in spans:
        histogram.add(span)
    p0, p50, p100 = histogram.percentiles(0.0, 0.5, 1.0)
    assert p0 == pytest.approx(min(spans), rel=0.1)
    assert p50 == pytest.approx(statistics.median_low(spans), rel=0.1)
    assert p100 == pytest.approx(max(spans), rel=0.1)


def test_empty_and_out_of_range() -> None:
    histogram = LogHistogram()
    assert histogram.percentiles(0.5, 0.95) == [0.0, 0.0]
    for span in (-1.0, 0.0, 1e9):
        histogram.add(span)
    assert histogram.count == 3


@given(st.lists(st.floats(allow_nan=False), max_size=100))
def test_any_span_is_counted_and_percentiles_ascend(spans: list[float]) -> None:
    histogram = LogHistogram()
    for span in spans:
        histogram.add(span)
    assert histogram.count == len(spans)
    found = histogram.percentiles(0.0, 0.5, 0.95, 0.99, 1.0)
    assert found == sorted(found)
    assert len(found) == 5
