"""What a service counts stays right, cheap and bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.histogram import LogHistogram
from ipcm._core.observation import SignalCount
from ipcm._core.telemetry import Telemetry

ANSWERS = st.lists(
    st.tuples(st.floats(1e-6, 10.0), st.sampled_from(["", "a", "b"]), st.sampled_from("xyz"),
              st.booleans()),
    max_size=60,
)  # fmt: skip


@given(ANSWERS)
def test_totals_are_those_of_the_parts(answers: list[tuple[float, str, str, bool]]) -> None:
    telemetry, every = Telemetry(), LogHistogram()
    for seconds, endpoint, client, failed in answers:
        telemetry.answered(5.0, seconds, endpoint, client, failed)
        every.add(seconds)
    total = telemetry.total(5.0)
    assert (total.count, total.errors) == (len(answers), sum(a[3] for a in answers))
    assert [total.p50, total.p95, total.p99] == every.percentiles(0.5, 0.95, 0.99)
    assert total.rate == pytest.approx(len(answers))
    calls = telemetry.calls(5.0)
    for endpoint, latency in telemetry.endpoints(5.0).items():
        assert latency.count == sum(call.count for call in calls if call.endpoint == endpoint)
    assert {(call.endpoint, call.peer) for call in calls} == {(a[1], a[2]) for a in answers if a[1]}


def test_at_most_64_keys_and_then_other() -> None:
    telemetry = Telemetry()
    for n in range(200):
        telemetry.answered(5.0, 0.1, f"e{n}", f"c{n}", False)
    for figures in (telemetry.endpoints(5.0), telemetry.clients(5.0)):
        assert len(figures) == 65 and figures["other"].count == 136
    calls = telemetry.calls(5.0)
    assert len(calls) == 65
    assert (calls[-1].endpoint, calls[-1].peer, calls[-1].count) == ("other", "other", 136)
    assert telemetry.total(5.0).count == 200


@pytest.mark.parametrize("began", [7.0, 7.25, 7.99])
def test_the_rate_of_a_few_seconds(began: float) -> None:
    telemetry = Telemetry()
    for tick in range(400):
        telemetry.answered(began + tick * 0.005, 0.1, "e", "c", False)
    for latency in (telemetry.total(began + 2.0), telemetry.endpoints(began + 2.0)["e"]):
        assert latency.rate == pytest.approx(200.0, rel=0.07)


def test_signals_with_the_time_of_the_last() -> None:
    telemetry = Telemetry()
    telemetry.signal_received("SIGHUP", 2, 7.0)
    telemetry.signal_handled("SIGHUP")
    telemetry.signal_received("SIGHUP", 1, 9.0)
    assert telemetry.signals() == {"SIGHUP": SignalCount(3, 1, 9.0)}


def test_turns_and_how_long_others_waited_for_them() -> None:
    telemetry = Telemetry()
    telemetry.turned(5.0, 0.5)
    telemetry.turned(6.0, 0.25)
    assert (telemetry.turns, telemetry.loop_lag, telemetry.worst_lag.value(6.0)) == (2, 0.25, 0.5)


def test_a_service_that_nobody_looks_at_keeps_no_more_and_more() -> None:
    telemetry = Telemetry()
    kept = (telemetry.deltas, telemetry.ended_workers, telemetry.reaped, telemetry.errors)
    for number in range(1000):
        telemetry.answered(5.0, 0.1, "e", "c", False)
        for each in kept:
            each.append(number)  # type: ignore[arg-type]
    assert [(len(each), each[-1]) for each in kept] == [(100, 999)] * 3 + [(20, 999)]
    assert len(telemetry._answers) < 256
    assert telemetry.total(5.0).count == 1000


@given(
    st.lists(
        st.tuples(
            st.floats(0, 20), st.floats(1e-6, 10), st.sampled_from(["", "e"]),
            st.sampled_from(["a", "b"]), st.booleans(),
        ),
        max_size=700,
    ),
    st.integers(1, 300),
)  # fmt: skip
def test_a_look_in_between_changes_nothing(
    answers: list[tuple[float, float, str, str, bool]], look: int
) -> None:
    looked, left = Telemetry(), Telemetry()
    answers.sort(key=lambda answer: answer[0])
    for number, answer in enumerate(answers, 1):
        looked.answered(*answer)
        left.answered(*answer)
        if number % look == 0:
            assert looked.total(answer[0]).count == number
    assert looked.failed == left.failed == sum(answer[4] for answer in answers)
    assert looked.endpoints(20) == left.endpoints(20) and looked.clients(20) == left.clients(20)
    assert sorted(map(repr, looked.calls(20))) == sorted(map(repr, left.calls(20)))
