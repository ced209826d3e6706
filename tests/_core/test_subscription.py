"""A subscription is bounded, and tells what it left out."""

from __future__ import annotations

from ipcm._core.observation import PeerEvent
from ipcm._core.ring import Ring
from ipcm._core.subscription import ObserveOptions, Subscription, make_preview

EVENT = PeerEvent("s", 0.0, "p", 1)


def test_rate_is_kept_and_the_rest_counted() -> None:
    subscription = Subscription(ObserveOptions(rate=10.0), now=0.0)
    assert sum(subscription.wants(0.0) for _ in range(25)) == 10
    assert subscription.lost == 15
    assert sum(subscription.wants(0.5) for _ in range(25)) == 5
    assert subscription.wants(100.0)


def test_batch_tells_the_number_lost_once() -> None:
    subscription = Subscription(ObserveOptions(rate=1.0), now=0.0)
    assert subscription.batch() is None
    subscription.add(EVENT)
    subscription.wants(0.0)
    subscription.wants(0.0)
    batch = subscription.batch()
    assert batch is not None
    assert (len(batch.events), batch.dropped) == (1, 1)
    assert subscription.batch() is None
    subscription.keep(batch)
    again = subscription.batch()
    assert again is not None
    assert (again.events, again.dropped) == ([], 2)


def test_no_messages_wanted() -> None:
    subscription = Subscription(ObserveOptions(messages=False), now=0.0)
    assert not subscription.wants(0.0)
    assert subscription.lost == 0


def test_ring_drops_the_oldest_and_counts() -> None:
    ring: Ring[int] = Ring(3)
    for item in range(5):
        ring.add(item)
    assert ring.drain() == ([2, 3, 4], 2)
    assert ring.drain() == ([], 0)


def test_previews_are_cut_and_redacted() -> None:
    assert make_preview({"a": 1}) == '{"a":1}'
    assert len(make_preview("é" * 1000).encode()) <= 256
    assert make_preview({"password": "x"}, lambda content: "hidden") == '"hidden"'
    assert make_preview({1j}).startswith("{1j")
