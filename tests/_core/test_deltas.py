"""At most one change per name and turn, nothing lost, nothing out of order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.deltas import Deltas

NAMES = st.sampled_from(["a", "b", "c"])


@given(st.lists(NAMES, max_size=30), st.lists(st.sets(NAMES), max_size=5))
def test_every_change_comes_once_in_order(names: list[str], speaking: list[set[str]]) -> None:
    deltas = Deltas()
    there: set[str] = set()
    added: dict[str, list[int]] = {}
    for name in names:
        change = -1 if name in there else 1
        there ^= {name}
        deltas.add(name, change)
        added.setdefault(name, []).append(change)
    taken: dict[str, list[int]] = {}
    turns = [*speaking, *[set()] * 40]
    for spoke in turns:
        for name, change in deltas.take(spoke).items():
            assert not (change < 0 and name in spoke)
            taken.setdefault(name, []).append(change)
    assert taken == added
    assert not deltas.waiting


def test_leave_and_return_come_in_two_turns() -> None:
    deltas = Deltas()
    deltas.add("a", -1)
    deltas.add("a", 1)
    deltas.add("b", 1)
    assert deltas.take(peek=True) == {"a": -1, "b": 1}
    assert deltas.take() == {"a": -1, "b": 1}
    assert deltas.waiting
    assert deltas.take() == {"a": 1}
    assert not deltas.waiting


def test_who_comes_and_speaks_at_once_comes_in_that_turn() -> None:
    deltas = Deltas()
    deltas.add("a", 1)
    assert deltas.take({"a"}) == {"a": 1}


@given(
    st.lists(
        st.tuples(st.just("change"), NAMES) | st.tuples(st.just("turn"), st.sets(NAMES)),
        max_size=60,
    )
)
def test_changes_may_come_between_turns(steps: list[tuple[str, str | set[str]]]) -> None:
    deltas = Deltas()
    there: set[str] = set()
    added: list[tuple[str, int]] = []
    taken: list[tuple[str, int]] = []
    for _, what in steps:
        if isinstance(what, str):
            change = -1 if what in there else 1
            there ^= {what}
            deltas.add(what, change)
            added.append((what, change))
        else:
            delta = deltas.take(what)
            taken += delta.items()
            assert not any(change < 0 and name in what for name, change in delta.items())
    while deltas.waiting:
        before = len(taken)
        taken += deltas.take().items()
        assert len(taken) > before  # a turn that comes at once is never for nothing
    for name in "abc":
        assert [c for n, c in taken if n == name] == [c for n, c in added if n == name]


def test_whose_end_is_not_told_yet() -> None:
    deltas = Deltas()
    for change, life in ((-1, "one"), (1, "two"), (-1, "two"), (1, "three")):
        deltas.add("a", change, life)
    deltas.add("b", 1, "four")
    assert deltas.leaving() == {"a": "one"}
    assert deltas.take({"a"}) == {"b": 1}
    assert deltas.take() == {"a": -1}
    assert deltas.leaving() == {"a": "two"}
    deltas.take()
    deltas.take()
    assert deltas.leaving() == {}
    assert deltas.take() == {"a": 1}
