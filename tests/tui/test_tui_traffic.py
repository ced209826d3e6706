"""A request and its response, told by two sides, are one row."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.observation import (
    ErrorEvent,
    Event,
    MessageEvent,
    PeerEvent,
    SignalEvent,
    TerminatedEvent,
    TurnEvent,
    WorkerEvent,
)
from ipcm_tui.models.peers import exit_text
from ipcm_tui.models.traffic import Row, TrafficLog
from ipcm_tui.models.window import Window, find_row, row_mentions


def asked(id: int, asker: str = "probe", service: str = "store", when: float = 1.0) -> MessageEvent:
    return MessageEvent(asker, when, "out", "request", service, id, "search", 50)


def received(id: int, asker: str = "probe", service: str = "store") -> MessageEvent:
    return MessageEvent(service, 1.1, "in", "request", asker, id, "search", 50)


def answered(
    id: int, asker: str = "probe", service: str = "store", error: str | None = None
) -> MessageEvent:
    return MessageEvent(service, 1.2, "out", "response", asker, id, "", 90, 0.1, error)


def got(
    id: int, asker: str = "probe", service: str = "store", error: str | None = None
) -> MessageEvent:
    return MessageEvent(asker, 1.3, "in", "response", service, id, "", 90, 0.3, error)


def left(peer: str) -> PeerEvent:
    return PeerEvent("", 2.0, peer, -1)


def filled(*events: Event, **options: Any) -> TrafficLog:
    log = TrafficLog(**options)
    log.extend(events)
    return log


def only(log: TrafficLog) -> Row:
    assert len(log.rows) == 1
    return log.rows[0]


def test_one_exchange_seen_from_both_sides_is_one_row() -> None:
    row = only(filled(asked(7), received(7), answered(7), got(7)))
    assert (row.source, row.target, row.what, row.state) == ("probe", "store", "search", "ok")
    assert (row.size, row.reply_size) == (50, 90)
    assert (row.latency, row.round_trip, row.took) == (0.1, 0.3, 0.1)


def test_contents_are_those_that_one_side_tells() -> None:
    told, other = msgspec.structs.replace(received(7), preview='"in"', size=51), asked(7)
    answer = msgspec.structs.replace(answered(7), preview='"out"')
    later = msgspec.structs.replace(got(7), preview='"other"')
    row = only(filled(msgspec.structs.replace(other, endpoint=""), told, answer, later))
    assert (row.what, row.size, row.preview, row.reply_preview) == ("search", 51, '"in"', '"out"')
    row = only(filled(told, msgspec.structs.replace(other, preview='"other"')))
    assert row.preview == '"in"'


@given(st.data())
def test_the_order_in_which_both_sides_tell_does_not_matter(data: st.DataObject) -> None:
    """Each service's events come in order; how the two streams interleave is chance."""
    ids = range(1, data.draw(st.integers(1, 6)) + 1)
    failing = data.draw(st.sets(st.sampled_from(list(ids))))
    errors = {id: "no" if id in failing else None for id in ids}
    askers = [e for id in ids for e in (asked(id), got(id, error=errors[id]))]
    services = [e for id in ids for e in (received(id), answered(id, error=errors[id]))]
    merged: list[Event] = []
    while askers or services:
        source = askers if not services or (askers and data.draw(st.booleans())) else services
        merged.append(source.pop(0))
    log = filled(*merged)
    assert len(log.rows) == len(ids)
    for row in log.rows:
        assert row.what == "search"
        assert row.state == ("error" if row.id in failing else "ok")
        assert (row.latency, row.round_trip) == (0.1, 0.3)


def test_one_side_is_enough() -> None:
    assert only(filled(received(1), answered(1))).took == 0.1
    assert only(filled(asked(1), got(1))).took == 0.3


def test_both_ask_each_other_with_the_same_id() -> None:
    log = filled(asked(1), asked(1, "store", "probe"), answered(1))
    assert [(row.source, row.state) for row in log.rows] == [("probe", "ok"), ("store", "open")]


def test_a_response_without_its_request_is_shown() -> None:
    answer = msgspec.structs.replace(answered(1, error="bad"), endpoint="search")
    row = only(filled(got(1, error="bad"), answer))
    assert (row.source, row.target, row.state, row.error) == ("probe", "store", "error", "bad")
    assert row.what == "search"


def test_open_until_answered() -> None:
    log = filled(asked(1))
    assert log.state_of(only(log)) == "open"
    log.extend([answered(1)])
    assert log.state_of(only(log)) == "ok"


def test_an_open_request_may_have_been_answered_unseen_where_events_were_dropped() -> None:
    log = filled(asked(1))
    log.extend([asked(2)], lost=3)
    assert [log.state_of(row) for row in log.rows] == ["missed", "open"]
    log.extend([answered(1)], lost=3)
    assert log.state_of(log.rows[0]) == "ok"
    log = filled(WorkerEvent("indexer", 1.0, 77, "hash", 1))
    log.extend([], lost=3)
    assert log.state_of(only(log)) == "open", "the end of a worker is told in any case"


@pytest.mark.parametrize("gone", ["probe", "store"])
def test_a_side_that_left_loses_what_is_open(gone: str) -> None:
    log = filled(asked(1), asked(2), answered(2), asked(3, "a", "b"), left(gone))
    assert [row.state for row in log.rows] == ["lost", "ok", "open", "note"]


def test_a_response_told_after_the_departure_still_counts() -> None:
    log = filled(asked(1), left("store"), got(1))
    assert log.rows[0].state == "ok"


def test_ids_begin_again_with_the_next_life() -> None:
    log = filled(asked(1), answered(1), left("probe"), asked(1, when=3.0), received(1))
    states = [(row.kind, row.state) for row in log.rows]
    assert states == [("request", "ok"), ("peer", "note"), ("request", "open")]
    log = filled(asked(1), left("probe"), received(1))
    assert [row.state for row in log.rows if row.is_request] == ["lost", "open"]


def test_what_is_forgotten_takes_nothing_from_the_next_with_its_id() -> None:
    log = filled(asked(1), got(1), asked(1), asked(2), capacity=2)
    log.extend([answered(1)])
    assert [(row.id, row.state) for row in log.rows] == [(1, "ok"), (2, "open")]


def test_ids_that_begin_again_unannounced_make_a_new_row() -> None:
    assert len(filled(asked(1), got(1), asked(1)).rows) == 2
    assert len(filled(got(1), got(1)).rows) == 2


def test_general_messages_and_broadcasts() -> None:
    out = MessageEvent("a", 1.0, "out", "general", "b", 4, size=9, preview='"hi"')
    into = MessageEvent("b", 1.0, "in", "general", "a", 4, size=9, preview='"hi"')
    row = only(filled(out, into))
    assert (row.kind, row.source, row.target, row.state) == ("general", "a", "b", "sent")
    wide = MessageEvent("a", 1.0, "out", "general", "b", 5, broadcast=True)
    assert only(filled(wide)).kind == "broadcast"


def test_peers_come_and_go_once_whoever_else_tells_of_it() -> None:
    log = filled(PeerEvent("", 1.0, "probe", 1), PeerEvent("store", 1.0, "probe", 1), left("probe"))
    assert [(row.source, row.what) for row in log.rows] == [("probe", "joined"), ("probe", "left")]
    log = filled(asked(1), PeerEvent("", 1.1, "store", 1))
    assert log.rows[0].state == "open", "it may have spoken before its coming was told"


def test_a_worker_is_one_row() -> None:
    log = filled(WorkerEvent("indexer", 1.0, 77, "hash", 1))
    assert (only(log).state, only(log).what, only(log).id) == ("open", "hash", 77)
    log.extend([WorkerEvent("indexer", 3.5, 77, "hash", -1, 0)])
    assert (only(log).state, only(log).latency, only(log).error) == ("ok", 2.5, None)
    log.extend([WorkerEvent("indexer", 4.0, 77, "hash", 1)])
    log.extend([WorkerEvent("indexer", 5.0, 77, "hash", -1, -9)])
    assert (log.rows[-1].state, log.rows[-1].error) == ("error", "SIGKILL")
    log.extend([WorkerEvent("indexer", 6.0, 78, "unseen", -1, 3)])
    assert (log.rows[-1].state, log.rows[-1].error) == ("error", "exit 3")


def test_workers_go_with_their_service() -> None:
    other = WorkerEvent("store", 1.0, 78, "pack", 1)
    log = filled(WorkerEvent("indexer", 1.0, 77, "hash", 1), other, left("indexer"))
    assert [row.state for row in log.rows] == ["lost", "open", "note"]


def test_the_rest_has_a_row_each_but_turns() -> None:
    log = filled(
        SignalEvent("a", 1.0, "SIGHUP", 3),
        SignalEvent("a", 1.0, "SIGHUP", 1),
        ErrorEvent("a", 1.0, "run_on_interval", "ValueError: x", "Traceback"),
        ErrorEvent("a", 1.0, "run_on_pid", "ValueError: y", ""),
        TerminatedEvent("a", 1.0, 0),
        TerminatedEvent("b", 1.0, 5),
        TerminatedEvent("c", 1.0, 0, "ValueError: x"),
        TurnEvent("a", 1.0, 1, 0, 0),
    )
    assert [(row.kind, row.what) for row in log.rows] == [
        ("signal", "SIGHUP x3"),
        ("signal", "SIGHUP"),
        ("error", "run_on_interval"),
        ("error", "run_on_pid"),
        ("ended", ""),
        ("ended", "with 5"),
        ("ended", "by ValueError: x"),
    ]
    assert [(row.error, row.preview) for row in log.rows if row.kind == "error"] == [
        ("ValueError: x", "Traceback"),
        ("ValueError: y", None),
    ]


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("arng-")), max_size=300))
def test_memory_is_bounded(steps: list[tuple[int, str]]) -> None:
    log = TrafficLog(capacity=10)
    makers: dict[str, Any] = {"a": asked, "r": received, "n": answered, "g": got}
    for id, what in steps:
        event = left(f"p{id % 3}") if what == "-" else makers[what](id, f"p{id % 3}")
        log.extend([event, WorkerEvent("w", 1.0, id, "x", 1)])
        assert len(log.rows) <= 10
        kept = set(map(id_of, log.rows))
        for index in (log._index, log._workers):
            assert {id_of(row) for row in index.values()} <= kept
        assert set(log._keys) <= kept
        assert all(set(rows) <= kept and rows for rows in log._of_peer.values())


def id_of(row: Row) -> int:
    return id(row)


def test_a_flood_is_cut_and_counted_but_loses_no_departure() -> None:
    log = TrafficLog(most_at_once=5)
    log.extend([asked(0), left("other"), *(asked(id) for id in range(1, 9))])
    assert [row.id for row in log.rows if row.is_request] == [4, 5, 6, 7, 8]
    assert [row.what for row in log.rows if row.kind == "peer"] == ["left"]
    assert (log.skipped, log.dropped) == (4, 4)
    log.extend([], lost=10)
    log.extend([], lost=9)
    assert log.dropped == 14, "an observer that is asked anew has lost nothing yet"


def test_it_tells_whether_there_is_something_new_to_show() -> None:
    log = TrafficLog()
    for events, lost, changes in (
        ([TurnEvent("a", 1.0, 1, 0, 0)], 0, False),
        ([asked(1)], 0, True),
        ([], 5, True),
        ([], 5, False),
        ([], 4, False),
    ):
        before = log.changes
        log.extend(events, lost=lost)  # type: ignore[arg-type]
        assert (log.changes > before) is changes and log.changes >= before


@pytest.mark.parametrize(
    ("exit", "text"),
    [(None, "exit unknown"), (0, "exit 0"), (3, "exit 3"), (-9, "SIGKILL"), (-99, "signal 99")],
)
def test_exits(exit: int | None, text: str) -> None:
    assert exit_text(exit) == text


# Looking at it


def test_a_pause_holds_the_rows_whatever_the_log_forgets() -> None:
    log = TrafficLog(capacity=3)
    window = Window(log)
    log.extend([asked(1), asked(2), asked(3)])
    window.pause()
    log.extend([asked(4), asked(5)], lost=7)
    log.extend([answered(1)], lost=7)
    assert [row.id for row in window.rows] == [1, 2, 3]
    assert (window.new, window.dropped) == (2 + 1, 7), "the answer to what is forgotten is new"
    assert window.status() == "paused: +3 new, 7 dropped"
    window.follow()
    assert [row.id for row in window.rows] == [4, 5, 1]
    assert (window.paused, window.new) == (False, 0)
    assert window.status() == "following, 7 dropped"


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), min_size=1, max_size=6)),
    st.integers(1, 20),
)
def test_the_newest_is_last_whichever_service_tells_first(
    batches: list[list[tuple[str, int]]], capacity: int
) -> None:
    """Each batch is about a second that may have begun in the batch before."""
    log = TrafficLog(capacity)
    everything, of_a = Window(log), Window(log, lambda row: row.source == "a")
    told = []
    for start, batch in enumerate(batches):
        new = [SignalEvent(service, start + tenth / 5, "SIGHUP", 1) for service, tenth in batch]
        log.extend(new)
        told += new
        times = [row.when for row in everything.rows]
        assert times == sorted(times)
        assert [row.when for row in of_a.rows] == sorted(row.when for row in of_a.rows)
        assert len(everything.rows) == min(len(told), capacity)
    if len(told) <= capacity:
        assert len(of_a.rows) == sum(event.service == "a" for event in told)


def test_a_clock_that_is_set_back_hides_nothing_new() -> None:
    log = filled(asked(1, when=5000.0))
    log.extend([asked(2, when=1000.0), asked(3, when=1001.0)])
    assert [row.id for row in log.rows] == [1, 2, 3]


def test_a_held_row_still_gets_its_answer() -> None:
    log = filled(asked(1))
    window = Window(log)
    window.pause()
    log.extend([answered(1)])
    assert window.rows[0].state == "ok"
    assert window.new == 0


def test_a_second_pause_changes_nothing() -> None:
    log = filled(asked(1))
    window = Window(log)
    log.extend([], lost=3)
    assert (window.status(), window.dropped) == ("following, 3 dropped", 3)
    window.pause()
    log.extend([asked(2)], lost=5)
    window.pause()
    assert (window.new, window.dropped) == (1, 2)


def test_a_window_of_some_rows_only() -> None:
    log = TrafficLog(capacity=6)
    window = Window(log, lambda row: row.target == "store")
    log.extend([asked(1), asked(1, "a", "b"), asked(2)])
    assert [row.id for row in window.rows] == [1, 2]
    window.pause()
    log.extend([asked(2, "a", "b"), asked(3), asked(4), asked(3, "a", "b"), asked(5)])
    assert [row.id for row in window.rows] == [1, 2]
    assert window.new == 3
    window.follow()
    assert [row.id for row in window.rows] == [1, 2, 3, 4, 5]


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=9), max_size=9))
def test_a_window_of_some_rows_misses_none(batches: list[list[tuple[int, bool]]]) -> None:
    log = TrafficLog(capacity=1000)
    window = Window(log, lambda row: row.target == "store")
    wanted = []
    for number, batch in enumerate(batches):
        for id, to_store in batch:
            key = 1000 * number + id
            log.extend([asked(key, "p", "store" if to_store else "other")])
        if number % 2:
            assert len(window.rows) <= log.added
    wanted = [row for row in log.rows if row.target == "store"]
    assert list(window.rows) == wanted


def test_finding_a_text_goes_round() -> None:
    log = filled(asked(1), asked(2, service="other"), answered(1, error="Disk FULL"))
    rows = list(log.rows)
    assert row_mentions(rows[0], "disk full") and not row_mentions(rows[1], "disk")
    assert find_row(rows, "OTHER", 0, -1) == 1
    assert find_row(rows, "probe", 1, 1) == 1
    assert find_row(rows, "full", 1, 1) == 0
    rows = list(filled(asked(1), asked(2, service="other"), asked(3), asked(4)).rows)
    assert [find_row(rows, "store", 1, step) for step in (1, -1)] == [2, 0]
    assert find_row(rows, "nowhere", 0, 1) is None
    assert find_row([], "x", 0, 1) is None
