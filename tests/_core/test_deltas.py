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
    assert not deltas.pending


def test_leave_and_return_come_in_two_turns() -> None:
    deltas = Deltas()
    deltas.add("a", -1)
    deltas.add("a", 1)
    deltas.add("b", 1)
    assert deltas.take() == {"a": -1, "b": 1}
    assert deltas.pending
    assert deltas.take() == {"a": 1}
    assert not deltas.pending
