"""One row per life of a name, and the dead stay a while."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.observation import (
    CallbackError,
    ErrorEvent,
    Latency,
    MessageEvent,
    PeerChange,
    PeerEvent,
    RequestCounts,
    SignalCount,
    SignalEvent,
    TerminatedEvent,
    WorkerEvent,
)
from ipcm_tui.models.cells import peer_cell
from ipcm_tui.models.formatting import NOTHING
from ipcm_tui.models.history import HISTORY, RateHistory, SpanHistory, p95
from ipcm_tui.models.peers import Peer, PeerKey, Peers
from ipcm_tui.models.records import record_of


def update(peers: Peers, observer: Any, clock: Any) -> None:
    peers.update(observer.presence, observer.snapshots, observer.busy, clock.now)


def states(peers: Peers) -> list[tuple[str, str]]:
    return [(peer.name, peer.state) for peer in peers.in_order()]


def test_services_first_then_by_name(demo_bus: Any, clock: Any) -> None:
    peers = Peers()
    update(peers, demo_bus, clock)
    assert states(peers) == [
        ("indexer", "up"), ("probe", "up"), ("store", "up"), ("notebook", "up"),
    ]  # fmt: skip
    assert peers.names() == ["indexer", "probe", "store", "notebook"]
    assert (peers.count("service"), peers.count("client")) == (3, 1)
    assert peers.request_rate() == 14.2


def test_a_name_that_comes_back_is_a_new_row(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("store", 10)
    update(peers, observer, clock)
    clock.advance(3)
    observer.leave("store")
    observer.join("store", 11)
    update(peers, observer, clock)
    assert [(p.pid, p.state) for p in peers.in_order()] == [(10, "gone"), (11, "up")]
    assert peers.live("store") is peers.in_order()[1]
    clock.advance(5)
    assert [p.uptime(clock.now) for p in peers.in_order()] == [3, 5]


def test_a_return_between_two_looks_is_seen_all_the_same(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("store", 10)
    observer.snap("store")
    update(peers, observer, clock)
    observer.leave("store")
    observer.join("store", 11)
    update(peers, observer, clock)
    assert [p.pid for p in peers.in_order() if p.is_gone] == [10]
    assert peers.in_order()[1].snapshot is None, "the snapshot was the other life's"


def test_a_snapshot_of_another_life_is_not_taken(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("store", 10)
    old = observer.snap("store")
    observer.leave("store")
    observer.join("store", 11)
    observer.snapshots["store"] = old
    update(peers, observer, clock)
    assert peers.in_order()[0].snapshot is None


def test_states(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("new", 1, ready=False)
    observer.join("stuck", 2)
    observer.join("leaving", 3)
    observer.snap("leaving", state="ending")
    observer.busy["stuck"] = 4.0
    update(peers, observer, clock)
    assert dict(states(peers)) == {"new": "starting", "stuck": "busy", "leaving": "ending"}
    stuck = peers.live("stuck")
    assert stuck is not None and stuck.busy_for == 4.0
    observer.busy.clear()
    update(peers, observer, clock)
    assert (stuck.state, stuck.busy_for) == ("up", 0.0)


def ended(peers: Peers, observer: Any, clock: Any, name: str, *words: TerminatedEvent) -> Peer:
    update(peers, observer, clock)
    for word in words:
        peers.note(word)
    update(peers, observer, clock)
    observer.leave(name)
    update(peers, observer, clock)
    return next(peer for peer in peers.in_order() if peer.name == name)


def test_how_it_ended(observer: Any, clock: Any) -> None:
    peers = Peers()
    for name in ("a", "b", "c", "e"):
        observer.join(name, 1)
    observer.join("d", 2, "client")
    a = ended(peers, observer, clock, "a", TerminatedEvent("a", clock.now, 0))
    b = ended(peers, observer, clock, "b", TerminatedEvent("b", clock.now, 7))
    c = ended(peers, observer, clock, "c")
    d = ended(peers, observer, clock, "d")
    e = ended(peers, observer, clock, "e", TerminatedEvent("e", clock.now, 0, "ValueError: x"))
    assert [peer.how for peer in (a, b, c, d, e)] == [
        "ended in order", "ended in order with 7", "left without a word: killed, or it crashed",
        "left", "failed: ValueError: x",
    ]  # fmt: skip
    assert [peer.in_order for peer in (a, b, c, d, e)] == [True, True, False, False, False]


def test_the_end_of_one_life_is_not_told_of_the_next(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("a", 1)
    first = ended(peers, observer, clock, "a", TerminatedEvent("a", clock.now, 0))
    observer.join("a", 2)
    second = ended(peers, observer, clock, "a")
    assert first.in_order
    assert [peer.in_order for peer in peers.in_order()] == [True, False] and second is first


def test_who_says_that_it_ends_is_ending(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("a", 1)
    update(peers, observer, clock)
    version = peers.version
    peers.note(TerminatedEvent("a", clock.now, 0))
    assert states(peers) == [("a", "ending")] and peers.version > version and len(peers) == 1


def test_what_one_life_said_is_not_told_of_the_next(observer: Any, clock: Any) -> None:
    peers = Peers()
    for pid, name in enumerate(("a", "a", "b", "a"), 1):
        if name in observer.presence:
            observer.leave(name)
        observer.join(name, pid)
        update(peers, observer, clock)
        clock.advance(10)
    peers.note(ErrorEvent("a", clock.now - 12, "run_on_pid", "OSError: second"))
    peers.note(ErrorEvent("a", clock.now - 5, "run_on_pid", "OSError: third"))
    assert [(peer.name, [each.error for each in peer.errors]) for peer in peers.in_order()] == [
        ("a", []),
        ("a", ["OSError: second"]),
        ("a", ["OSError: third"]),
        ("b", []),
    ]


def test_how_it_ended_where_the_exit_is_known(observer: Any, clock: Any) -> None:
    peers = Peers()
    for name in ("a", "b", "c"):
        observer.join(name, 1)
    observer.join("d", 2, "client")
    a = ended(peers, observer, clock, "a", TerminatedEvent("a", clock.now, 0))
    b, c, d = (ended(peers, observer, clock, name) for name in "bcd")
    a.exit, b.exit, c.exit, d.exit = 0, -9, 3, 0
    assert [peer.how for peer in (a, b, c, d)] == [
        "ended in order, exit 0", "killed by SIGKILL", "exit 3, without a word", "left, exit 0",
    ]  # fmt: skip


def test_the_dead_stay_until_they_are_cleared(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("service", 1)
    observer.join("client", 2, "client")
    observer.join("alive", 3)
    update(peers, observer, clock)
    observer.leave("service")
    observer.leave("client")
    update(peers, observer, clock)
    clock.advance(100_000)
    update(peers, observer, clock)
    assert states(peers) == [("alive", "up"), ("service", "gone"), ("client", "gone")]
    version = peers.version
    assert (peers.clear_gone(), peers.clear_gone()) == (2, 0)
    assert states(peers) == [("alive", "up")] and peers.version > version


def test_clients_and_workers_that_come_and_go_bury_nobody(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("indexer", 1)
    observer.join("notebook", 2, "client")
    update(peers, observer, clock)
    for number in range(30):
        name = f"c{number:02}"
        observer.join(name, 100 + number, "client")
        if number % 2:
            peers.note(WorkerEvent("indexer", clock.now, 100 + number, name, 1))
        update(peers, observer, clock)
        clock.advance(2)
        observer.leave(name)
        update(peers, observer, clock)
        if number in (2, 4):
            gone = next(peer for peer in peers.in_order() if peer.name == name)
            gone.exit = -9 if number == 2 else 0
    assert [peer.name for peer in peers.in_order()] == [
        "indexer", "notebook", "c28", "c26", "c24", "c22", "c20", "c02",
    ], "the last few, and one that was killed; workers are on the tab of their service"  # fmt: skip
    assert peers.folded == 30 - 6
    assert peers.clear_gone() == 30 and peers.folded == 0


def test_at_most_a_hundred_of_the_dead_are_kept(observer: Any, clock: Any) -> None:
    peers = Peers()
    for number in range(120):
        observer.join(f"s{number:03}", number)
        update(peers, observer, clock)
        clock.advance(0.1)
        observer.leave(f"s{number:03}")
        update(peers, observer, clock)
    assert [peer.name for peer in peers.in_order()] == [f"s{n:03}" for n in range(20, 120)]


def test_one_that_ends_and_comes_back_all_the_time_buries_nobody(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("other", 1)
    update(peers, observer, clock)
    observer.leave("other")
    for number in range(20):
        observer.join("loop", 100 + number)
        update(peers, observer, clock)
        clock.advance(0.1)
        observer.leave("loop")
        update(peers, observer, clock)
    assert [peer.pid for peer in peers.in_order()] == [115, 116, 117, 118, 119, 1]
    assert peers.folded == 15


def test_who_has_left_takes_nothing_any_more(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("a", 1)
    observer.snap("a", total=Latency(5, 1, 2.5, 0.1, 0.2, 0.3))
    update(peers, observer, clock)
    (peer,) = peers.in_order()
    peer.use(80.0, 1_000_000)
    for less in (5000, None):
        peer.use(1.0, less)
        assert peer.peak == 1_000_000
    peer.use(80.0, 1_000_000)
    shown = {column: peer_cell(peer, column, 9, clock.now)[0] for column in ("cpu", "rss", "rate")}
    assert shown == {"cpu": "80%", "rss": "1.0MB", "rate": "2.5"}
    observer.leave("a")
    update(peers, observer, clock)
    shown = {column: peer_cell(peer, column, 9, clock.now)[0] for column in ("cpu", "rss", "rate")}
    assert set(shown.values()) == {NOTHING}
    row = record_of(peer, clock.now)
    assert (row.cpu, row.rss, row.rate) == (None, None, None)
    assert (row.p95, row.answered) == (0.2, 5), "what it has done stays"


def test_what_a_service_says_of_itself(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("a", 1)
    update(peers, observer, clock)
    events = (
        PeerEvent("a", 1.0, "b", 1),
        PeerEvent("a", 2.0, "b", -1),
        SignalEvent("a", 3.0, "SIGHUP", 2),
        ErrorEvent("a", 4.0, "run_on_interval", "OSError: full"),
        MessageEvent("a", 5.0, "out", "response", "b", 1, latency=0.5),
        MessageEvent("a", 5.5, "in", "request", "b", 1),
        SignalEvent("nobody", 3.0, "SIGHUP", 2),
        PeerEvent("", 2.0, "c", 1),
    )
    assert [peers.note(event) for event in events] == [True] * 6 + [False, True]
    peer = peers.live("a")
    assert peer is not None
    assert list(peer.deltas) == [(1.0, "b", 1), (2.0, "b", -1)]
    assert peer.signalled == {"SIGHUP": 3.0}
    full = CallbackError(4.0, "run_on_interval", "OSError: full")
    assert peer.errors == [full] and peer.error_count() == 1
    first = CallbackError(3.0, "run_on_interval", "OSError: small")
    for told in ([first], [first, full]):  # before the event, and after it
        observer.snap("a", errors=told)
        update(peers, observer, clock)
        assert peer.errors == [first, full]
    peer.latencies.turn(6.0)
    assert list(peer.latencies.values) == [0.5]


def test_where_nothing_is_known_nothing_is_counted() -> None:
    peer = Peer(PeerKey("a", "1"), 1, "service", 0.0)
    assert (peer.error_count(), peer.signal_count(), peer.how) == (0, 0, "")


def test_what_was_before_anybody_looked_is_taken_over_in_order(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("a", 1)
    update(peers, observer, clock)
    peers.note(PeerEvent("a", 3.0, "b", -1))
    deltas = [PeerChange("b", 1, 1.0), PeerChange("c", 1, 2.0), PeerChange("b", -1, 2.999)]
    observer.snap("a", deltas=deltas, signals={"SIGHUP": SignalCount(2), "SIGUSR1": SignalCount(3)})
    update(peers, observer, clock)
    (peer,) = peers.in_order()
    assert list(peer.deltas) == [(1.0, "b", 1), (2.0, "c", 1), (3.0, "b", -1)]
    assert peer.signal_count() == 5


def test_errors_of_other_callbacks_count_too(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("a", 1)
    observer.snap(
        "a",
        requests=RequestCounts(9, 0, 0, 2),
        errors=[
            CallbackError(1.0, "handle_request", "ValueError"),
            CallbackError(1.0, "run_on_interval", "OSError"),
        ],
    )
    update(peers, observer, clock)
    assert peers.in_order()[0].error_count() == 3


def test_history_is_per_second() -> None:
    history = RateHistory()
    for half in range(9):
        history.add(10 + half * 0.5, 100 + half * 3)
    assert list(history.values) == [6.0, 6.0, 6.0, 6.0]
    history.add(1.0, 0)
    assert list(history.values) == [6.0, 6.0, 6.0, 6.0], "time does not run backwards"


def test_a_second_that_nobody_asked_in_has_its_place_in_the_chart() -> None:
    history = RateHistory()
    for seconds, count in ((10.0, 0), (12.0, 8), (13.0, 8), (13.1, 9), (16.0, 23)):
        history.add(seconds, count)
    assert list(history.values) == [4.0, 4.0, 0.0, 5.0, 5.0, 5.0]
    history.add(500.0, 23)
    assert list(history.values) == [0.0] * HISTORY


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 10)), max_size=60))
def test_latencies_are_per_second_and_bounded(steps: list[tuple[float, float]]) -> None:
    history = SpanHistory(p95)
    steps.sort()
    for when, latency in steps:
        history.add(when, latency)
    history.turn(1000)
    assert len(history.values) <= HISTORY
    allowed = {0.0, *(latency for _, latency in steps)}
    assert set(history.values) <= allowed


def test_latency_is_the_95th_percentile() -> None:
    history = SpanHistory(p95)
    for number in range(100):
        history.add(1.0, number / 100)
    history.add(2.5, 3.0)
    history.add(5.0, 1.0)
    assert list(history.values) == [0.95, 3.0, 0.0, 0.0]
    history.turn(0.0)
    assert len(history.values) == 4, "a clock that was set back"


def test_the_lag_of_a_loop_is_kept_by_the_second_and_grows_while_it_hangs(
    clock: Any, demo_bus: Any
) -> None:
    peers = Peers()

    def take(busy: dict[str, float]) -> None:
        peers.update(demo_bus.presence, demo_bus.snapshots, busy, clock.now)

    demo_bus.snap("store", loop_lag=0.25, deltas=[PeerChange("probe", 1, clock.now - 60)])
    take({})
    clock.advance(1.0)
    for seconds in (1.5, 2.5):
        take({"store": seconds})
        clock.advance(1.0)
    store = peers.live("store")
    assert store is not None
    store.lags.turn(clock.now)
    assert list(store.lags.values) == [0.25, 1.5, 2.5]
    assert list(store.deltas) == [(clock.now - 63, "probe", 1)], "known from before one looked"
