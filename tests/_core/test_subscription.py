"""A subscription is bounded, and tells what it left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.observation import ErrorEvent, PeerEvent, TurnEvent
from ipcm._core.ring import Ring
from ipcm._core.subscription import ObserveOptions, Subscription

EVENT = PeerEvent("s", 0.0, "p", 1)


def test_rate_is_kept_and_the_rest_counted() -> None:
    subscription = Subscription(ObserveOptions(rate=10.0), now=0.0)
    assert sum(subscription.wants(0.0) for _ in range(25)) == 10
    assert subscription.lost == 15
    assert sum(subscription.wants(0.5) for _ in range(25)) == 5
    saved_up = sum(subscription.wants(100.0) for _ in range(25))
    assert saved_up == 10, "what was not used for long is not added up"


def test_the_answer_to_what_was_told_of_comes_too_and_is_paid_for_later() -> None:
    subscription = Subscription(ObserveOptions(rate=10.0), now=0.0)
    asked = [("in", "p", number) for number in range(25)]
    told = [each for each in asked if subscription.wants(0.0, asks=each)]
    assert told == asked[:10]
    assert [each for each in asked if subscription.wants(0.0, answers=each)] == told
    assert subscription.lost == 30 and not subscription.asked
    # Ten answers were too many: it takes a second until there is room again.
    assert not subscription.wants(0.9)
    assert subscription.wants(1.2)
    assert not subscription.wants(1.2, answers=told[0]), "once"


def test_requests_that_are_never_answered_take_no_more_and_more_room() -> None:
    subscription = Subscription(ObserveOptions(rate=1e6), now=0.0)
    for number in range(3000):
        assert subscription.wants(0.0, asks=("out", "p", number))
    assert len(subscription.asked) == 1000 and ("out", "p", 2999) in subscription.asked


def test_batch_tells_the_number_lost_once() -> None:
    subscription = Subscription(ObserveOptions(rate=1.0), now=0.0)
    assert not subscription.waiting and subscription.batch("s", 1.0) is None
    subscription.add(EVENT)
    assert subscription.waiting
    subscription.wants(0.0)
    subscription.wants(0.0)
    batch = subscription.batch("s", 1.0)
    assert batch is not None
    assert (len(batch.events), batch.dropped) == (1, 1)
    assert not subscription.waiting and subscription.batch("s", 1.0) is None
    subscription.lose(batch)
    assert subscription.waiting
    again = subscription.batch("s", 1.0)
    assert again is not None
    assert (again.events, again.dropped) == ([], 2)


def test_batches_are_small_and_the_last_tells_of_the_turns() -> None:
    subscription = Subscription(ObserveOptions(), now=0.0)
    subscription.add_turn(1, False)
    for _ in range(450):
        subscription.add(EVENT)
    sizes = []
    while (batch := subscription.batch("s", 1.0)) is not None:
        sizes.append(len(batch.events))
        last = batch.events[-1]
    assert sizes == [200, 200, 51]
    assert last == TurnEvent("s", 1.0, 1, 1, 0)


def test_turns_that_are_summed_up_come_before_what_is_added_then() -> None:
    subscription = Subscription(ObserveOptions(), now=0.0)
    subscription.add_turn(1, False)
    subscription.sum_up("s", 1.0)
    subscription.sum_up("s", 1.0)
    subscription.add(EVENT)
    batch = subscription.batch("s", 2.0)
    assert batch is not None and batch.events == [TurnEvent("s", 1.0, 1, 1, 0), EVENT]


def test_batches_of_errors_are_smaller() -> None:
    subscription = Subscription(ObserveOptions(), now=0.0)
    for _ in range(15):
        subscription.add(ErrorEvent("s", 0.0, "here", "ValueError", "x" * 8192))
    subscription.add(EVENT)
    for left in (10, 6):
        batch = subscription.batch("s", 1.0)
        assert batch is not None and len(batch.events) == left
    assert subscription.batch("s", 1.0) is None


def test_at_the_end_the_newest_are_kept_and_the_others_counted() -> None:
    subscription = Subscription(ObserveOptions(), now=0.0)
    for number in range(450):
        subscription.add(PeerEvent("s", float(number), "p", 1))
    subscription.trim()
    batch = subscription.batch("s", 1.0)
    assert batch is not None and batch.dropped == 250
    assert [event.when for event in batch.events] == list(range(250, 450))


def test_no_messages_wanted() -> None:
    subscription = Subscription(ObserveOptions(messages=False), now=0.0)
    assert not subscription.wants(0.0)
    subscription.miss(3)
    assert subscription.lost == 0


@pytest.mark.parametrize(
    ("options", "gap"),
    [
        (ObserveOptions(), 0.01),
        (ObserveOptions(rate=400.0), 0.05),
        (ObserveOptions(rate=1.0), 0.2),
        (ObserveOptions(rate=0.0), 0.01),
        (ObserveOptions(messages=False, rate=1.0), 0.01),
    ],
)
def test_batches_wait_for_some_messages_of_its_rate_to_come_together(
    options: ObserveOptions, gap: float
) -> None:
    assert Subscription(options, now=0.0).gap == gap


def test_ring_drops_the_oldest_and_counts() -> None:
    ring: Ring[int] = Ring(3)
    for item in range(5):
        ring.add(item)
    assert ring.drain() == ([2, 3, 4], 2)
    assert ring.drain() == ([], 0)


@given(
    rate=st.sampled_from([-1.0, 0.0, 0.25, 1.0, 7.0, 2000.0]),
    waits=st.lists(st.floats(0.0, 3.0), max_size=200),
)
def test_no_more_than_the_rate_and_every_other_one_is_counted(
    rate: float, waits: list[float]
) -> None:
    subscription = Subscription(ObserveOptions(rate=rate), now=0.0)
    now, granted = 0.0, 0
    for wait in waits:
        now += wait
        granted += subscription.wants(now)
    assert granted + subscription.lost == len(waits)
    assert granted <= max(rate, 0.0) * now + (max(rate, 1.0) if rate > 0 else 0)


def test_less_than_one_a_second_is_a_rate_too() -> None:
    subscription = Subscription(ObserveOptions(rate=0.5), now=0.0)
    assert sum(subscription.wants(now / 10) for now in range(100)) in (5, 6)


@given(size=st.integers(1, 5), steps=st.lists(st.integers(0, 9) | st.just("drain"), max_size=40))
def test_a_ring_tells_everything_or_how_much_it_left_out(size: int, steps: list[int | str]) -> None:
    ring: Ring[int] = Ring(size)
    waiting: list[int] = []
    for step in steps:
        if isinstance(step, int):
            ring.add(step)
            waiting.append(step)
        else:
            items, dropped = ring.drain()
            assert len(items) <= size
            assert items == waiting[dropped:]
            waiting.clear()
        assert len(ring) == min(len(waiting), size)


def test_only_the_kinds_that_are_wanted() -> None:
    subscription = Subscription(ObserveOptions(events=("peer",)), now=0.0)
    assert not subscription.wants(0.0)
    subscription.add_turn(1, True)
    subscription.add(TurnEvent("s", 0.0, 1, 0, 0))
    subscription.add(EVENT)
    batch = subscription.batch("s", 1.0)
    assert batch is not None and batch.events == [EVENT]


def test_turns_are_summed_up() -> None:
    subscription = Subscription(ObserveOptions(), now=0.0)
    for interval in (True, False, True):
        subscription.add_turn(2, interval)
        assert subscription.waiting
    batch = subscription.batch("s", 1.0)
    assert batch is not None and batch.events == [TurnEvent("s", 1.0, 3, 6, 2)]
    assert subscription.batch("s", 2.0) is None
    subscription.add_turn(1, False)
    batch = subscription.batch("s", 3.0)
    assert batch is not None and batch.events == [TurnEvent("s", 3.0, 1, 1, 0)]


def test_what_was_lost_since_it_began() -> None:
    subscription = Subscription(ObserveOptions(rate=1.0), now=0.0)
    assert [subscription.wants(0.0) for _ in range(3)] == [True, False, False]
    subscription.miss(3)
    assert subscription.lost_ever == 5
    subscription.add(EVENT)
    batch = subscription.batch("s", 1.0)
    assert batch is not None and subscription.lost_ever == 5
    subscription.lose(batch)
    assert subscription.lost_ever == 6
    for _ in range(10_005):
        subscription.add(EVENT)
    assert subscription.lost_ever == 11
