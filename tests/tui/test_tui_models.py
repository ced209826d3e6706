"""Order, filter, records, charts, output, exports: what the screens are made of."""

from __future__ import annotations

import csv
import io
import itertools
import json
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm._core.observation import (
    CallbackError,
    EndedWorker,
    Latency,
    SignalCount,
    WorkerInfo,
)
from ipcm.console.live import EndpointDescription
from ipcm.console.usage import Usage
from ipcm.errors import UsageError
from ipcm_tui.history import History, without_secrets
from ipcm_tui.keys import read_keymap
from ipcm_tui.models.buses import BusFacts, BusRow, bus_grid, merge
from ipcm_tui.models.chart import chart
from ipcm_tui.models.columns import PEER_COLUMNS
from ipcm_tui.models.compose import Draft
from ipcm_tui.models.exporting import file_name, rows_as_csv, rows_as_json, traffic_as_jsonl
from ipcm_tui.models.filtering import NO_FILTER, PEER_FIELDS
from ipcm_tui.models.formatting import NOTHING, format_rate
from ipcm_tui.models.grid import Grid, moved
from ipcm_tui.models.killing import Countdown
from ipcm_tui.models.ordering import Order, turned
from ipcm_tui.models.output import OutputLog
from ipcm_tui.models.pace import Pace
from ipcm_tui.models.pair import pair_detail
from ipcm_tui.models.peers import Peer, PeerKey, Peers
from ipcm_tui.models.records import PeerRecord, record_of
from ipcm_tui.models.tabs import (
    delta_grid,
    endpoint_grid,
    error_grid,
    peer_grid,
    signal_grid,
    worker_grid,
)
from ipcm_tui.models.traffic import TrafficLog
from ipcm_tui.widgets.json_area import line_marks
from tests.tui.conftest import live

FACTS = BusFacts("my bus", "unix", "msgpack", 1.0, 7)


@pytest.fixture
def records(peers: Peers, clock: Any) -> list[PeerRecord]:
    return [record_of(peer, clock.now) for peer in peers.in_order()]


# Order


def test_a_column_sorts_down_then_up_then_not_at_all() -> None:
    first = turned(None, "rate")
    assert first == Order("rate", down=True)
    assert turned(first, "rate") == Order("rate", down=False)
    assert turned(turned(first, "rate"), "rate") is None
    assert turned(first, "name") == Order("name", down=False), "text begins with a"


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.floats(0, 9)), st.integers())),
    st.booleans(),
)
def test_rows_without_a_figure_are_last(rows: list[tuple[float | None, int]], down: bool) -> None:
    class Record(msgspec.Struct):
        rate: float | None

    found = Order("rate", down).apply((Record(rate), (rate, n)) for rate, n in rows)
    known = [rate for rate, _ in found if rate is not None]
    assert known == sorted(known, reverse=down)
    assert [rate for rate, _ in found][: len(known)] == known
    for figure in set(known):
        assert [n for rate, n in found if rate == figure] == [n for r, n in rows if r == figure]


def test_every_column_can_be_sorted_by(records: list[PeerRecord]) -> None:
    for column in PEER_COLUMNS:
        for down in (True, False):
            rows = Order(column.id, down).apply((each, each.name) for each in records)
            assert len(rows) == len(records)


# Filter


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["indexer", "probe", "store", "notebook"]),
        ("name~=^s", ["store"]),
        ("p95>2ms and not errors=0", ["store"]),
        ("kind=client", ["notebook"]),
        ("workers>0 or rate>1", ["indexer", "store"]),
        ("sto", ["store"]),
    ],
)
def test_filters(records: list[PeerRecord], text: str, names: list[str]) -> None:
    filter = NO_FILTER.typed(text)
    assert not filter.problem
    assert [each.name for each in records if filter.wants(each)] == names


def test_an_error_says_where_and_the_rows_stay(records: list[PeerRecord]) -> None:
    good = NO_FILTER.typed("name=store")
    bad = good.typed("name=store and p95>")
    assert bad.at == 19 and "missing" in bad.problem
    assert [each.name for each in records if bad.wants(each)] == ["store"]
    assert good.typed("nmae=x").at == 0


def test_every_column_can_be_filtered_by() -> None:
    for column in PEER_COLUMNS:
        assert column.id in PEER_FIELDS.kinds, column.id


# Cursor


@given(st.lists(st.integers(0, 30), unique=True, min_size=1), st.data())
def test_the_cursor_stays_or_goes_to_the_nearest_above(before: list[int], data: Any) -> None:
    index = data.draw(st.integers(0, len(before) - 1))
    after = data.draw(st.lists(st.integers(0, 30), unique=True))
    place = moved(before, index, after)
    if before[index] in after:
        assert after[place] == before[index]
    elif after:
        above = [key for key in before[:index] if key in after]
        assert after[place] == (above[-1] if above else after[0])
    else:
        assert place == 0


# Chart


@given(st.lists(st.floats(0, 1e9), max_size=70), st.integers(12, 120), st.integers(1, 12))
def test_a_chart_fills_its_place(values: list[float], width: int, height: int) -> None:
    lines = chart(values, width, height, format_rate)
    assert [len(line) for line in lines] == [width] * height
    if any(values):
        assert "█" in "".join(lines) or height == 1


def test_the_newest_is_at_the_right() -> None:
    lines = chart([0.0, 1.0, 2.0, 4.0], 12, 2, format_rate)
    assert lines[0].endswith("  █") and lines[1].endswith("▄██") and lines[0].startswith("4.0┤")


# Output


@given(st.lists(st.text(alphabet="ab\n\r\t\x1b[é", max_size=12), max_size=20))
def test_output_in_any_pieces_is_the_same(pieces: list[str]) -> None:
    whole, cut = OutputLog(), OutputLog()
    text = "".join(pieces)
    whole.feed(text)
    for character in text:
        cut.feed(character)
    assert list(cut.lines) == list(whole.lines) and cut.added == whole.added
    assert all(line.isprintable() for line in whole.lines)


def test_a_carriage_return_overwrites_the_line_once_something_follows_it() -> None:
    log = OutputLog()
    for piece, line in (("10%\r", "10%"), ("20%", "20%"), ("\r30", "30"), ("%\r", "30%")):
        log.feed(piece)
        assert list(log.lines) == [line]
    log.feed("\ndone\r\n")
    assert list(log.lines) == ["30%", "done"] and log.added == 2


def test_output_is_bounded_and_searched() -> None:
    log = OutputLog(most=3)
    log.feed("one\ntwo\nthr")
    log.feed("ee\nfour\n")
    assert list(log.lines) == ["two", "three", "four"] and log.added == 4
    assert log.find("THREE", 2, -1) == 1 and log.find("one", 0, 1) is None


# Countdown


def test_kill_is_due_once_after_the_grace() -> None:
    countdown = Countdown(10.0, left=2)
    assert countdown.phase(12.0) == "waiting" and countdown.remaining(12.0) == 3.0
    assert countdown.bar(10.0, 10) == "█" * 10 and countdown.bar(15.0, 10) == "░" * 10
    assert countdown.phase(15.0) == "due"
    countdown.struck = True
    assert countdown.phase(16.0) == "done"
    assert Countdown(10.0, left=0).phase(10.0) == "done"
    assert Countdown(10.0, left=1, cancelled=True).phase(99.0) == "cancelled"


# Buses


def test_a_bus_that_vanishes_is_shown_as_swept() -> None:
    one, two = BusRow(FACTS, 3), BusRow(BusFacts("b", "unix", "json", 5.0, 8), 1)
    rows = merge([one, two], [two, BusRow.swept("old")])
    assert [(row.facts.name, row.stale) for row in rows] == [
        ("b", False), ("my bus", True), ("old", True),
    ]  # fmt: skip
    assert merge(rows, [two, BusRow(FACTS, 3)])[0] == two
    again = BusRow(BusFacts("b", "unix", "json", 9.0, 9), 1)
    assert [row.stale for row in merge([two], [again])] == [False], "the name lives"
    grid = bus_grid(rows, 65.0)
    assert grid.cell(two.key, "age", 6) == ("1m00s", "plain")
    assert grid.cell(("old", 0.0), "state", 8)[0] == "✕ swept"
    assert "ipcm demo" in " ".join(bus_grid([], 0.0).hints)


# Tabs


def column(grid: Grid[Any], name: str) -> list[str]:
    return [grid.cell(key, name, 20)[0] for key in grid.keys]


def test_workers_with_what_they_take_and_how_they_ended(demo_bus: Any, peers: Peers) -> None:
    demo_bus.snap(
        "indexer",
        workers=[WorkerInfo(4301, "hash-7", 61.0)],
        ended_workers=[EndedWorker(1, "a", 0, 5.0), EndedWorker(2, "b", -9, 6.0)],
    )
    grid = worker_grid(demo_bus.snapshots["indexer"], lambda pid: Usage(1.5, pid), UTC)
    assert column(grid, "name") == ["hash-7", "b", "a"]
    assert column(grid, "state") == ["● running", "✗ failed", "✓ ended"]
    assert column(grid, "exit") == ["", "SIGKILL", "exit 0"]
    assert column(grid, "age")[0] == "1m01s" and column(grid, "cpu")[0] == "1.5%"
    assert worker_grid(None, lambda pid: Usage()).keys == ()


def test_signals_peers_deltas_errors_endpoints(demo_bus: Any, peers: Peers, clock: Any) -> None:
    store = live(peers, "store")
    store.signalled["SIGHUP"] = clock.now
    grid = signal_grid(store, UTC)
    assert column(grid, "signal") == ["SIGHUP", "SIGUSR1"]
    assert column(grid, "last") == ["22:13:20", "earlier"]
    told = {"SIGHUP": SignalCount(5, 2), "SIGUSR1": SignalCount(3, 3)}
    demo_bus.snap("store", signals=told)
    peers.update(demo_bus.presence, demo_bus.snapshots, {}, clock.now)
    assert column(signal_grid(store, UTC), "note") == ["! 3 not handled", ""]
    demo_bus.snap("store", peers=["probe"], backlog={"slow": 7}, sent={"probe": 3},
                  clients={"probe": Latency(9, 1, 2.0, 0.1, 0.2, 0.3)},
                  errors=[CallbackError(1.0, "on_interval", "ValueError: x\ny", "Trace\nback")],
                  endpoints={"old": Latency(4, 0, 0.0, 0.1, 0.1, 0.1)})  # fmt: skip
    peers.update(demo_bus.presence, demo_bus.snapshots, {}, clock.now)
    grid = peer_grid(store)
    assert column(grid, "peer") == ["probe", "slow"]
    assert column(grid, "there") == ["● there", "✕ left"]
    assert column(grid, "backlog") == ["0", "7"] and column(grid, "asked") == ["9", "0"]
    assert store.snapshot is not None
    store.snapshot.sent.update({"observer-1-a": 1, "observer-2-b": 1})
    grid = peer_grid(store, "observer-1-a")
    assert column(grid, "peer") == ["probe", "(you)", "observer-2-b", "slow"]
    assert column(grid, "there") == ["● there", "● there", NOTHING, "✕ left"]
    store.deltas.extend([(1.0, "a", 1), (2.0, "a", -1)])
    assert column(delta_grid(store, UTC), "change") == ["-1", "+1"]
    assert column(delta_grid(store, UTC), "what") == ["left", "joined"]
    errors = error_grid(store, UTC)
    assert column(errors, "error") == ["ValueError: x"] and errors.keys[0][0] == 0
    known = {"new": EndpointDescription("new", "new(a: int)", "Does it.\nMore.")}
    grid = endpoint_grid(store.snapshot, known)
    assert column(grid, "name") == ["new", "old"]
    assert column(grid, "signature") == ["new(a: int)  Does it.", "not offered"]
    assert column(grid, "p95") == [NOTHING, "100ms"]
    assert column(endpoint_grid(store.snapshot, {}), "signature") == [""], "not known yet"
    unheard = Peer(PeerKey("new", "1"), 1, "service", 0.0)
    for grid in (signal_grid(unheard), peer_grid(unheard), endpoint_grid(None, {})):
        assert grid.keys == () and grid.hints


# A filter


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("state=running", ["indexer", "probe"]),
        ("state=connected", ["notebook"]),
        ("state=up", ["indexer", "probe", "notebook"]),
        ("not state='up'", ["store"]),
        ("state!~run|conn", ["store"]),
        ("state=gone", ["store"]),
    ],
)
def test_states_are_filtered_by_the_words_of_the_command_line_and_by_those_that_are_seen(
    demo_bus: Any, peers: Peers, clock: Any, text: str, names: list[str]
) -> None:
    demo_bus.leave("store")
    peers.update(demo_bus.presence, demo_bus.snapshots, {}, clock.now)
    wanted = NO_FILTER.typed(text)
    rows = [record_of(peer, clock.now) for peer in peers.in_order()]
    assert [row.name for row in rows if wanted.wants(row)] == names
    assert wanted.typed(f"{text} and (").wants(rows[0]) == wanted.wants(rows[0])


# A pair


def test_both_payloads_side_by_side(demo_bus: Any) -> None:
    log = TrafficLog()
    log.extend(demo_bus.exchange("probe", "store", 1))
    facts, left, right = pair_detail(log.rows[0], "ok", zone=UTC)
    assert facts.title == "request search" and right is not None
    assert left.title == "request  118B" and '  "endpoint": "search",' in left.sections[0].lines
    assert right.title == "response  1.2kB"
    log.extend(demo_bus.exchange("probe", "store", 2, error="no\nway"))
    _, _, right = pair_detail(log.rows[1], "error", zone=UTC)
    assert right is not None and right.sections[0].lines == ("no", "way")
    row = log.rows[1]
    row.error, row.reply_size, row.reply_preview, row.preview = None, None, None, '{"a...'
    _, left, right = pair_detail(row, "open", zone=UTC)
    assert right is not None and right.sections[0].lines == ("not answered yet",)
    assert "cut" in left.sections[1].lines[0]


# Taking out


def test_exports(records: list[PeerRecord], demo_bus: Any) -> None:
    rows = list(csv.DictReader(io.StringIO(rows_as_csv(records, PeerRecord))))
    assert [row["name"] for row in rows] == ["indexer", "probe", "store", "notebook"]
    assert rows[2]["p95"] == "0.0021" and rows[3]["p95"] == ""
    assert rows_as_csv([], PeerRecord).startswith("name,kind,pid")
    assert len(json.loads(rows_as_json(records))) == 4
    log = TrafficLog()
    log.extend(demo_bus.exchange("probe", "store", 1))
    (line,) = traffic_as_jsonl(log.rows).splitlines()
    told = json.loads(line)
    assert (told["source"], told["what"], told["state"]) == ("probe", "search", "ok")
    assert not {"seen", "stale", "lost_before", "number"} & set(told), "for the list alone"
    name = file_name("a/../b", "services", "csv", 1_700_000_000.0, UTC)
    assert name == "ipcm-a_.._b-services-20231114-221320.csv"


# What is remembered


def test_history_survives_and_keeps_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "state" / "requests.jsonl"
    history = History(path)
    history.add(Draft("store", "login", '{"user": "me", "password": "hunter2"}'))
    history.add(Draft("store", "stats"))
    history.add(Draft("store", "login", '{"user": "me", "password": "hunter2"}'))
    assert [each.endpoint for each in history.drafts] == ["stats", "login"]
    assert "hunter2" in history.drafts[-1].body, "as long as the console runs"
    assert "hunter2" not in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    again = History(path)
    assert [each.endpoint for each in again.drafts] == ["stats", "login"]
    path.write_text('rubbish\n{"peer": 5}\n{"peer":"a","endpoint":"b","body":"c"}\n')
    assert History(path).drafts == [Draft("a", "b", "c")]


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"a": {"api_key": "x", "b": [{"token": "y"}]}}',
         '{"a": {"api_key": "...", "b": [{"token": "..."}]}}'),
        ('{"tokens": 5, "passenger": "n"}', '{"tokens": 5, "passenger": "n"}'),
        ('{"pin": 1234, "password": null, "auth": true}',
         '{"pin": "...", "password": null, "auth": true}'),
        ('{"credentials": {"user": "x", "keys": ["y", 2]}, "tokens": ["z"]}',
         '{"credentials": {"user": "...", "keys": ["...", "..."]}, "tokens": ["..."]}'),
        ('{"compass": "north", "bypass": "x"}', '{"compass": "north", "bypass": "x"}'),
        ('{"authorization": "Bearer x", "pin": "1234", "private_key": "k"}',
         '{"authorization": "...", "pin": "...", "private_key": "..."}'),
        ("no json", "no json"),
    ],
)  # fmt: skip
def test_secrets(body: str, kept: str) -> None:
    assert without_secrets(body) == kept


def test_a_disk_that_takes_nothing_is_no_reason_not_to_send(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = History(tmp_path / "file" / "requests.jsonl")
    history.add(Draft("store", "stats"))
    assert len(history.drafts) == 1


def test_keys_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    assert read_keymap(path) == {}
    path.write_text('[keys]\nterminate = "f8"\n"services.filter" = "f3,slash"\n')
    assert read_keymap(path) == {"terminate": "f8", "services.filter": "f3,slash"}
    for wrong in ("[keys", "keys = 5", "[keys]\nhelp = 5"):
        path.write_text(wrong)
        with pytest.raises(UsageError, match=r"keys\.toml"):
            read_keymap(path)


# Colours of JSON


@given(st.text(alphabet='{}[]:,"\\ab1 \n-.', max_size=60))
def test_marks_are_within_their_lines(text: str) -> None:
    lines = text.split("\n")
    marks = line_marks(text)
    assert len(marks) == len(lines)
    for line, parts in zip(lines, marks, strict=True):
        assert all(0 <= start <= len(line) for start, _, _ in parts)


# Pace


@given(st.lists(st.floats(0.001, 0.5), min_size=1, max_size=200))
def test_drawing_keeps_to_its_share_whatever_it_costs(costs: list[float]) -> None:
    pace, now, spent, drawn = Pace(share=0.2, least=0.1, most=1.0), 100.0, 0.0, []
    for cost in costs:
        while not pace.due(now, spent):
            now += 0.01
        pace.drew(now, spent)
        drawn.append((now, cost))
        now += cost
        spent += cost
    for (before, cost), (after, _) in itertools.pairwise(drawn):
        assert after - before >= min(max(cost / 0.2, 0.09), 1.0) - 1e-6
        assert after - before <= max(cost / 0.2, 0.1, cost) + 0.02


@given(st.lists(st.floats(0.0, 0.3), max_size=200))
def test_what_is_asked_for_is_drawn_at_once_but_no_more_than_ten_times_a_second(
    gaps: list[float],
) -> None:
    pace, now, drawn = Pace(least=0.1), 100.0, []
    assert pace.due(now, 0.0, asked=True)
    for gap in [0.0, 0.0, 0.0, *gaps]:
        now += gap
        if pace.due(now, 50.0, asked=True):
            pace.drew(now, 50.0)
            drawn.append(now)
    assert drawn[:3] == [100.0] * 3
    for count, (first, last) in enumerate(zip(drawn, drawn[4:], strict=False)):
        assert last - first >= 0.1 - 1e-9, count
    assert len(drawn) <= 3 + (now - 100.0) / 0.1 + 1e-6
