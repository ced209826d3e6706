"""Columns fit the screen, whatever its width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm_tui.models.columns import PEER_COLUMNS, TRAFFIC_COLUMNS, Column, fit
from ipcm_tui.models.tabs import DELTAS, ENDPOINTS, ERRORS, PEERS, SIGNALS, WORKERS

BOTH = pytest.mark.parametrize("columns", [PEER_COLUMNS, TRAFFIC_COLUMNS])


@BOTH
def test_never_wider_than_the_room(columns: tuple[Column, ...]) -> None:
    least = sum(column.width + 1 for column in columns if column.rank == 0)
    for room in range(260):
        placed = fit(columns, room)
        assert sum(each.width + 1 for each in placed) <= max(room, least)
        for each in placed:
            most = max(each.column.most, each.column.width)
            assert each.column.width <= each.width <= most


@BOTH
@given(st.integers(0, 250))
def test_more_room_never_hides_a_column(columns: tuple[Column, ...], room: int) -> None:
    fewer = {each.column.id for each in fit(columns, room)}
    assert fewer <= {each.column.id for each in fit(columns, room + 1)}


@BOTH
def test_order_and_labels(columns: tuple[Column, ...]) -> None:
    assert [each.column for each in fit(columns, 250)] == list(columns)
    assert all(len(column.label) <= column.width for column in columns)


@pytest.mark.parametrize(
    "columns",
    [PEER_COLUMNS, TRAFFIC_COLUMNS, WORKERS, SIGNALS, PEERS, DELTAS, ERRORS, ENDPOINTS],
    ids=range(8),
)
def test_at_40_columns_none_is_cut(columns: tuple[Column, ...]) -> None:
    room = 40 - 3
    assert sum(each.width + 1 for each in fit(columns, room)) <= room


def test_at_80_columns_the_figures_that_matter_most_are_there() -> None:
    # A border on both sides, and a scrollbar.
    shown = [each.column.id for each in fit(PEER_COLUMNS, 80 - 3)]
    missing = {"peers", "p99", "backlog", "signals", "history"}
    assert shown == [column.id for column in PEER_COLUMNS if column.id not in missing]


def test_at_120_columns_a_state_says_for_how_long_or_by_which_signal() -> None:
    widths = {each.column.id: each.width for each in fit(PEER_COLUMNS, 120 - 3)}
    assert widths["state"] >= len("✕ SIGKILL") and widths["name"] >= 14
    assert "history" in widths


def test_each_column_has_a_key_of_its_own() -> None:
    letters = [column.letter for column in PEER_COLUMNS]
    assert len(set(letters)) == len(letters)
    assert all(letter.isupper() and letter != "G" for letter in letters), "G is the last row"


def test_room_is_used_up() -> None:
    assert sum(each.width + 1 for each in fit(TRAFFIC_COLUMNS, 120)) == 120
