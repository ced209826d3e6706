"""What stands in the cells, and that it fits."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ipcm._core.observation import (
    CallbackError,
    EndedWorker,
    ErrorEvent,
    Latency,
    MessageEvent,
    RequestCounts,
    SignalCount,
)
from ipcm_tui.models.cells import STATE_MARKS, STATUS_MARKS, peer_cell, traffic_cell
from ipcm_tui.models.columns import PEER_COLUMNS, TRAFFIC_COLUMNS, fit
from ipcm_tui.models.detail import Detail, peer_detail, pretty, row_detail
from ipcm_tui.models.formatting import NOTHING, clip
from ipcm_tui.models.peers import Peer, PeerKey, Peers
from ipcm_tui.models.traffic import Row, TrafficLog
from tests.tui.conftest import live

FLEXIBLE = {"name", "route", "what"}


def cells(peer: Peer, now: float, width: int = 77) -> dict[str, str]:
    return {
        each.column.id: peer_cell(peer, each.column.id, each.width, now)[0]
        for each in fit(PEER_COLUMNS, width)
    }


def test_a_service(peers: Peers, clock: Any) -> None:
    live(peers, "store").use(1.5, 48_000_000)
    assert cells(live(peers, "store"), clock.now) == {
        "state": "● up", "name": "store", "pid": "4240", "uptime": "1m16s", "cpu": "1.5%",
        "rss": "48MB", "workers": "0", "open": "1", "rate": "14.2", "p50": "340µs",
        "p95": "2.1ms", "errors": "3",
    }  # fmt: skip
    wide = cells(live(peers, "store"), clock.now, 197)
    assert (wide["p99"], wide["backlog"], wide["peers"]) == ("8.4ms", "0", "3")
    assert cells(live(peers, "store"), clock.now, 197)["signals"] == "HUP:1 USR1:2"


def test_a_client_has_no_figures(peers: Peers, clock: Any) -> None:
    shown = cells(live(peers, "notebook"), clock.now)
    assert {id for id, text in shown.items() if text} == {
        "state", "name", "pid", "uptime", "cpu", "rss",
    }  # fmt: skip


def test_a_service_that_has_not_answered_yet(observer: Any, clock: Any) -> None:
    peers = Peers()
    observer.join("new", 1, ready=False)
    peers.update(observer.presence, observer.snapshots, {}, clock.now)
    shown = cells(live(peers, "new"), clock.now)
    assert (shown["state"], shown["rate"]) == ("◌ new", NOTHING)


def test_no_latency_without_an_answer(peers: Peers, clock: Any) -> None:
    shown = cells(live(peers, "probe"), clock.now)
    assert (shown["p50"], shown["p95"], shown["rate"]) == (NOTHING, NOTHING, "0")


def test_busy_says_for_how_long_where_there_is_room(
    demo_bus: Any, peers: Peers, clock: Any
) -> None:
    demo_bus.busy["probe"] = 75.0
    peers.update(demo_bus.presence, demo_bus.snapshots, demo_bus.busy, clock.now)
    assert cells(live(peers, "probe"), clock.now, 197)["state"] == "◐ busy 1m15s"
    assert cells(live(peers, "probe"), clock.now, 60)["state"] == "◐ busy"


@pytest.mark.parametrize(
    ("exit", "in_order", "narrow", "wide"),
    [
        (None, False, "✕ gone", "✕ gone"),
        (None, True, "✕ ended", "✕ ended"),
        (0, True, "✕ ended", "✕ ended"),
        (0, False, "✕ ex 0", "✕ exit 0"),
        (3, True, "✕ ex 3", "✕ exit 3"),
        (-9, False, "✕ KILL", "✕ SIGKILL"),
        (-99, False, "✕ gone", "✕ signal 99"),
    ],
)
def test_a_tombstone_says_how(exit: int | None, in_order: bool, narrow: str, wide: str) -> None:
    peer = Peer(PeerKey("a", "1"), 1, "service", 0.0, "gone", 5.0)
    peer.exit, peer.in_order = exit, in_order
    assert peer_cell(peer, "state", 7, 9.0)[0] == narrow
    assert peer_cell(peer, "state", 11, 9.0)[0] == wide
    assert peer_cell(peer, "state", 11, 9.0)[1] == ("bad" if exit or not in_order else "dim")
    assert peer_cell(peer, "uptime", 6, 900.0)[0] == "5s"


def test_everything_fits_its_column_at_any_size(observer: Any, clock: Any) -> None:
    """Figures beyond all reason do not push their neighbours about."""
    huge = 10**12
    observer.join("x", 4_194_304, since=-1e9)
    observer.snap(
        "x", peers=["p"] * 123_456, turns=huge,
        requests=RequestCounts(huge, huge, huge, huge),
        total=Latency(huge, huge, 1e12, 1e5, 1e7, 1e9),
        signals={f"SIGRTMIN+{n}": SignalCount(huge, 0) for n in range(30)},
    )  # fmt: skip
    observer.busy["x"] = 1e7
    peers = Peers()
    peers.update(observer.presence, observer.snapshots, observer.busy, clock.now)
    for room in range(40, 200):
        for each in fit(PEER_COLUMNS, room):
            text, _ = peer_cell(live(peers, "x"), each.column.id, each.width, clock.now)
            assert each.column.id in FLEXIBLE or cell_len(text) <= each.width, each.column.id


def test_signs_differ_without_colour() -> None:
    marks = [mark for mark, _ in STATE_MARKS.values()]
    words = [(mark, word) for mark, word, _ in STATUS_MARKS.values()]
    assert len(set(marks)) == len(marks)
    assert len(set(words)) == len(words)


# Traffic


def line(row: Row, state: str | None = None, room: int = 77) -> dict[str, str]:
    return {
        each.column.id: traffic_cell(
            row, state or row.state, each.column.id, each.width, me="me-1", zone=UTC
        )[0]
        for each in fit(TRAFFIC_COLUMNS, room)
    }


def exchanged(observer: Any, **options: Any) -> Row:
    log = TrafficLog()
    log.extend(observer.exchange("me-1", "store", 5, **options))
    return log.rows[0]


def test_a_request(observer: Any) -> None:
    assert line(exchanged(observer)) == {
        "time": "22:13:20.000", "route": "(you) → store", "what": "search",
        "size": "118B→1.2kB", "took": "1.4ms", "state": "✓ ok",
    }  # fmt: skip


def test_a_failed_request_says_why(observer: Any) -> None:
    shown = line(exchanged(observer, error="no such table\nmore"))
    assert (shown["what"], shown["state"]) == ("search: no such table", "✗ error")


def test_a_hostile_peer_cannot_paint(observer: Any) -> None:
    row = exchanged(observer, endpoint="\x1b[31m\r\nx[bold]", error="\x1b]0;title\x07")
    assert not any(ord(c) < 32 for text in line(row).values() for c in text)
    detail = row_detail(row, "error", "me-1", UTC)
    assert not any(ord(c) < 32 for c in spelled(detail))


@pytest.mark.parametrize("state", [s for s in STATUS_MARKS if s != "note"])
def test_every_state_has_a_word_that_fits(observer: Any, state: str) -> None:
    shown = line(exchanged(observer), state, room=47)["state"]
    assert 3 <= cell_len(shown) <= 8


def test_sizes_of_half_an_exchange(observer: Any) -> None:
    log = TrafficLog()
    asked, answered = observer.exchange("a", "b", 1)
    log.extend([asked])
    assert line(log.rows[0])["size"] == "118B"
    log = TrafficLog()
    log.extend([answered])
    assert line(log.rows[0])["size"] == f"{NOTHING}→1.2kB"


# Details


def spelled(detail: Detail) -> str:
    parts = [detail.title]
    for section in detail.sections:
        parts.append(section.heading)
        parts += [f"{label}: {value}" for label, value in section.facts]
        parts += section.lines
    return " / ".join(parts)


def test_detail_of_a_service(demo_bus: Any, peers: Peers, clock: Any) -> None:
    demo_bus.snap(
        "store",
        total=Latency(4, 1, 1.0, 0.001, 0.002, 0.003),
        endpoints={f"e{n}": Latency(n, 0, 0, 0, 0, 0) for n in range(20)},
        clients={"me-1": Latency(1, 0, 0, 0, 0, 0)},
        ended_workers=[EndedWorker(9, "ok", 0, clock.now), EndedWorker(8, "bad", -9, clock.now)],
        errors=[CallbackError(clock.now, "run_on_interval", "ValueError: x\ny")],
        backlog={"slow": 5},
        drops=2,
    )
    peers.update(demo_bus.presence, demo_bus.snapshots, {}, clock.now)
    text = spelled(peer_detail(live(peers, "store"), clock.now, UTC, "me-1"))
    for part in ("pid: 4240", "up: 1m16s, since 22:12:04", "answered: 4, 1 with an error",
                 "1.0ms / 2.0ms / 3.0ms", "e19 ", "and 8 more", "(you) ", "bad (8)  SIGKILL",
                 "run_on_interval: ValueError: x·y", "backlog: 5", "drops: 2"):  # fmt: skip
        assert part in text
    assert "ok (9)" not in text


def test_names_take_the_room_that_there_is(demo_bus: Any, peers: Peers, clock: Any) -> None:
    long = "indexer-worker-11"
    demo_bus.snap("store", clients={long: Latency(1, 0, 0, 0, 0, 0)})
    peers.update(demo_bus.presence, demo_bus.snapshots, {}, clock.now)
    wide, narrow = (
        spelled(peer_detail(live(peers, "store"), clock.now, UTC, columns=columns))
        for columns in (80, 0)
    )
    assert f"{long}     1" in wide and "index…r-11     1" in narrow


def test_detail_of_the_dead(demo_bus: Any, peers: Peers, clock: Any) -> None:
    peer = live(peers, "store")
    clock.advance(5)
    peers.note(ErrorEvent("store", clock.now, "run_on_pid", "ValueError: x"))
    demo_bus.leave("store")
    peers.update(demo_bus.presence, demo_bus.snapshots, {}, clock.now)
    clock.advance(5)
    text = spelled(peer_detail(peer, clock.now, UTC))
    assert "✕ gone" in text and "killed, or it crashed" in text and "when: 22:13:25" in text
    assert "up: 1m21s" in text, "it does not grow older"
    assert "answered: 411" in text, "what is known stays"
    assert text.count("run_on_pid: ValueError: x") == 2, "as its last one, and among them"


def test_detail_of_a_row_shows_both_contents(observer: Any) -> None:
    text = spelled(row_detail(exchanged(observer), "ok", "me-1", UTC))
    assert "from: (you)" in text and "service: 1.4ms" in text
    assert '"endpoint": "search",' in text and '"files": 1204,' in text


def test_detail_of_a_cut_preview_shows_it_as_far_as_it_goes() -> None:
    log = TrafficLog()
    log.extend([MessageEvent("a", 1.0, "out", "general", "b", 1, preview='{"a": [1, 2...')])
    assert '{ /   "a": [ /     1, /     2...' in spelled(row_detail(log.rows[0], "sent"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab "\\{[,:', max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("a{"), inner),
    max_leaves=8,
)


@given(st.lists(json_values, min_size=1), st.data())
def test_the_beginning_of_json_is_laid_out_as_the_whole(value: list[Any], data: Any) -> None:
    text = json.dumps(value, separators=data.draw(st.sampled_from([None, (",", ":")])))
    cut = text[: data.draw(st.integers(2, len(text) - 1))].rstrip()
    laid_out = "\n".join(pretty(cut)).rstrip()
    assert json.dumps(value, indent=2).startswith(laid_out)


@pytest.mark.parametrize(
    "text",
    ["plain words...", "(1, {2: 3}...", '"a [string...', "", "{(1, 2): 'two words'}", "[a b, c"],
)
def test_other_beginnings_are_shown_as_they_came(text: str) -> None:
    assert "\n".join(pretty(text)) == text


LONG = "billing-of-the-northern-region"


@pytest.mark.parametrize(
    ("source", "target", "width", "shown"),
    [
        ("probe", "store", 18, "probe → store"),
        ("probe", LONG, 18, "probe → billing-o…"),
        (LONG, "store", 18, "billing-o… → store"),
        (LONG, LONG, 19, "billing… → billing…"),
        ("日本語サービス", LONG, 20, "日本語… → billing-o…"),
        ("a", "b", 2, "…"),
    ],
)
def test_a_long_name_leaves_room_for_the_other(
    source: str, target: str, width: int, shown: str
) -> None:
    row = Row(1.0, "request", source, target)
    assert clip(traffic_cell(row, "ok", "route", width)[0], width) == shown


def test_detail_of_another_life(clock: Any) -> None:
    peer = Peer(PeerKey("x", "abcdef0123456789"), 1, "client", clock.now)
    assert "life: abcdef01" in spelled(peer_detail(peer, clock.now))
