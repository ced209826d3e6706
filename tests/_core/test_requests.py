"""A request ends in exactly one way."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.requests import RequestTable
from ipcm.errors import PeerGone, RemoteError, RequestTimeout
from ipcm.message import Kind, Message, Response

LIFE = "first"


def response(id: int, sender: str = "peer", error: str | None = None, life: str = LIFE) -> Message:
    return Message(id, sender, "me", "answer", Kind.RESPONSE, id, error=error, incarnation=life)


def test_answer_is_kept_until_taken_once() -> None:
    table = RequestTable()
    table.add(1, "peer", LIFE, 0.0, 30.0, None)
    table.answer(response(1))
    assert table.take(1) == Response(1, "answer")
    assert table.take(1) is None
    assert not table.open


def test_remote_error() -> None:
    table = RequestTable()
    table.add(1, "peer", LIFE, 0.0, None, None)
    table.answer(response(1, error="no"))
    taken = table.take(1)
    assert taken is not None
    assert not taken.ok
    assert taken.error == "no"
    assert isinstance(taken.exception, RemoteError)


@pytest.mark.parametrize(
    "late",
    [response(2), response(1, sender="forger"), response(1, sender=""), response(1, life="second")],
)
def test_unknown_and_forged_are_dropped_and_counted(late: Message) -> None:
    table = RequestTable()
    table.add(1, "peer", LIFE, 0.0, 30.0, None)
    assert table.answer(late) is None
    assert table.dropped == 1
    assert list(table.open) == [1]
    assert not table.done


def test_duplicate_is_dropped() -> None:
    table = RequestTable()
    table.add(1, "peer", LIFE, 0.0, 30.0, None)
    table.answer(response(1))
    table.answer(response(1))
    assert table.dropped == 1


def test_time_out_and_death() -> None:
    table = RequestTable()
    table.add(1, "peer", LIFE, 0.0, 5.0, None)
    table.add(2, "peer", LIFE, 0.0, None, None)
    table.add(3, "other", LIFE, 0.0, None, None)
    assert table.soonest == 5.0
    table.expire(4.9)
    assert 1 in table.open
    table.expire(5.0)
    failure = table.done[1].exception
    assert isinstance(failure, RequestTimeout) and failure.timeout == 5.0
    assert table.soonest == math.inf
    table.gone("peer", LIFE)
    assert isinstance(table.done[2].exception, PeerGone)
    assert list(table.open) == [3]


def test_the_next_life_of_a_name_is_somebody_else() -> None:
    table = RequestTable()
    table.add(1, "peer", LIFE, 0.0, None, None)
    table.add(2, "peer", "second", 0.0, None, None)
    table.gone("peer", LIFE)
    assert isinstance(table.done[1].exception, PeerGone)
    assert list(table.open) == [2]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "answer", "gone", "expire"]),
            st.integers(1, 6),
            st.sampled_from(["a", "b"]),
        ),
        max_size=60,
    )
)
def test_every_callback_is_called_once(steps: list[tuple[str, int, str]]) -> None:
    table = RequestTable()
    called: dict[int, int] = {}
    opened: set[int] = set()
    now = 0.0
    for id, (step, number, peer) in enumerate(steps, 1):
        now += 1.0
        endings = []
        if step == "add":
            opened.add(id)
            called[id] = 0
            table.add(id, peer, LIFE, now, float(number), lambda r, m: None)
        elif step == "answer" and table.open:
            chosen = sorted(table.open)[number % len(table.open)]
            ending = table.answer(response(chosen, peer))
            endings = [ending] if ending else []
        elif step == "gone":
            endings = table.gone(peer, LIFE)
        else:
            endings = table.expire(now)
        for ending in endings:
            called[ending.response.id] += 1
    for ending in table.expire(now + 100):
        called[ending.response.id] += 1
    assert all(count == 1 for count in called.values())
    assert not table.open


def test_unfetched_responses_are_bounded() -> None:
    table = RequestTable(most_kept=3)
    for id in range(1, 6):
        table.add(id, "peer", LIFE, 0.0, None, None)
        table.answer(response(id))
    assert list(table.done) == [3, 4, 5]
    assert table.dropped == 2


def test_settling_is_answering_without_a_message() -> None:
    table = RequestTable()
    table.add(1, "a", "x", 0.0, None, None)
    table.add(2, "a", "x", 0.0, None, None)
    table.add(3, "a", "x", 0.0, None, lambda response, message: None)
    table.add(4, "a", "x", 0.0, None, None, control=True)
    assert not table.settle(9, "a", "x", None, None), "unknown"
    assert not table.settle(1, "b", "x", None, None), "of somebody else"
    assert not table.settle(1, "a", "y", None, None), "of another life"
    assert not table.settle(3, "a", "x", None, None) and not table.settle(4, "a", "x", None, None)
    assert set(table.open) == {1, 2, 3, 4} and not table.done and not table.dropped
    assert table.settle(1, "a", "x", "content", None) and table.settle(2, "a", "x", None, "why")
    assert not table.settle(1, "a", "x", "again", None)
    first, second = table.take(1), table.take(2)
    assert first is not None and first.ok and first.payload == "content"
    assert second is not None and isinstance(second.exception, RemoteError)
    assert set(table.open) == {3, 4}


def test_settling_keeps_no_more_than_answering() -> None:
    table = RequestTable(most_kept=1)
    table.add(1, "a", "x", 0.0, None, None)
    table.add(2, "a", "x", 0.0, None, None)
    assert table.settle(1, "a", "x", None, None) and not table.settle(2, "a", "x", None, None)


def test_what_may_be_asked_of_an_open_request() -> None:
    table = RequestTable()
    table.add(1, "a", LIFE, 2.0, 30.0, None, control=True)
    table.add(2, "a", LIFE, 2.0, 30.0, lambda response, message: None)
    assert [table.age(id, 5.0) for id in (1, 2, 3)] == [3.0, 3.0, None]
    assert [table.is_control(id) for id in (1, 2, 3)] == [True, False, False]
    assert [table.has_callback(id) for id in (1, 2, 3)] == [False, True, False]
    late = table.time_out(1, 0.5)
    assert (late.peer, late.timeout) == ("a", 0.5)
    table.add(4, "a", LIFE, 2.0, 30.0, None)
    table.answer(response(4, "a"))
    for id in (2, 3, 4):
        table.forget(id)
    assert not table.open and not table.done
