"""A peak and a rate are those of the last seconds, and decay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.recent import Peak, RateMeter


def test_a_peak_is_remembered_for_a_while() -> None:
    peak = Peak(window=10.0)
    assert peak.value(0.0) == 0.0
    peak.add(0.0, 3.0)
    peak.add(9.0, 1.0)
    assert peak.value(9.9) == 3.0
    peak.add(12.0, 0.5)
    assert peak.value(19.0) == 3.0
    assert peak.value(30.0) == 0.5
    assert peak.value(99.0) == 0.0


@given(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=40), st.floats(0.0, 9.9))
def test_no_peak_is_forgotten_within_its_window(values: list[float], step: float) -> None:
    peak = Peak(window=10.0)
    for n, value in enumerate(values):
        peak.add(n * step, value)
    now = (len(values) - 1) * step
    recent = max(v for n, v in enumerate(values) if now - n * step < 10.0)
    assert peak.value(now) >= recent


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
