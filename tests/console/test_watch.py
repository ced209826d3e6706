"""The model of a live view, and its pictures."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

from ipcm._core.observation import (
    EndedWorker,
    Event,
    MessageEvent,
    PeerEvent,
    SignalCount,
    Snapshot,
    TerminatedEvent,
    WorkerInfo,
)
from ipcm.console.cards import plain_text
from ipcm.console.peers import PeerRow
from ipcm.console.svg import latency_chart, sequence_diagram, shorten
from ipcm.console.watch import SAMPLES, TRAFFIC, Exchange, Picture, Sample, WatchModel
from ipcm.console.watch_views import picture_html, picture_record

NOW = 1_000_000.0


def message(
    when: float,
    direction: str = "in",
    kind: str = "request",
    id: int = 1,
    service: str = "store",
    peer: str = "probe",
    **more: object,
) -> MessageEvent:
    return MessageEvent(service, NOW + when, direction, kind, peer, id, **more)  # type: ignore[arg-type]


def picture(model: WatchModel, **more: object) -> Picture:
    return model.picture(NOW + 5, (), {}, **more)  # type: ignore[arg-type]


def test_a_request_and_its_response_are_two_arrows() -> None:
    model = WatchModel("bus")
    model.take([message(0, endpoint="search"), message(1, "out", "response", latency=0.002)])
    request, response = picture(model).traffic
    assert (request.sender, request.receiver, request.label) == ("probe", "store", "search")
    assert (response.sender, response.receiver, response.latency) == ("store", "probe", 0.002)
    assert picture(model).samples == (Sample(NOW + 1, "store", 0.002),)


def test_what_two_services_tell_of_is_shown_once() -> None:
    model = WatchModel("bus")
    model.take([message(0, "out", service="probe", peer="store"), message(0.001, "in")])
    model.take([message(0.002, "out", "response"), message(1, "in", "response", service="probe",
                                                           peer="store")])  # fmt: skip
    assert [each.kind for each in picture(model).traffic] == ["request", "response"]
    model.take([message(2, id=2)])
    assert len(picture(model).traffic) == 3


def test_events_of_one_batch_are_put_in_order() -> None:
    model = WatchModel("bus")
    model.take([message(2, "out", "response"), message(1)])
    assert [each.kind for each in picture(model).traffic] == ["request", "response"]


def test_only_what_concerns_one_service() -> None:
    model = WatchModel("store", "store")
    events: list[Event] = [
        message(0),
        message(1, service="other", peer="third"),
        PeerEvent("", NOW, "store", 1),
        PeerEvent("", NOW, "other", 1),
        PeerEvent("store", NOW, "other", 1),
    ]
    model.take(events)
    assert len(picture(model).traffic) == 1
    assert [each.peer for each in picture(model).changes] == ["store"]


def test_a_leave_tells_how_it_ended() -> None:
    model = WatchModel("bus")
    model.take([TerminatedEvent("store", NOW, 7), PeerEvent("", NOW + 1, "store", -1)])
    model.take([TerminatedEvent("store", NOW, 0, "ValueError: x")])
    model.take([PeerEvent("", NOW + 1, "store", -1)])
    assert [each.ended for each in picture(model).changes] == ["with 7", "by ValueError: x"]


def test_memory_is_bounded() -> None:
    model = WatchModel("bus")
    for number in range(5000):
        model.take([message(number / 1e6, "out", "response", number, latency=0.1)])
        model.take([PeerEvent("", NOW, f"p{number}", 1)])
    shown = picture(model)
    assert len(shown.traffic) == TRAFFIC
    assert len(shown.samples) == SAMPLES
    assert len(shown.changes) < 20
    assert len(model._seen) <= 512


def test_old_samples_go() -> None:
    model = WatchModel("bus")
    model.take([message(0, "out", "response", latency=0.1)])
    assert not model.picture(NOW + 61, (), {}).samples


def full_picture() -> Picture:
    model = WatchModel("bus demo")
    model.take(
        [
            PeerEvent("", NOW, "store", 1),
            PeerEvent("", NOW + 1, "<b>gone</b>", -1),
            message(1, endpoint="search"),
            message(2, "out", "response", latency=0.0021),
            message(3, "out", "response", 2, error="ValueError: <i>bad</i>"),
            message(4, "out", "general", 3, peer="store"),
            message(4, "out", "general", 4, peer="everyone", broadcast=True),
        ]
    )
    snapshot = Snapshot(
        name="store",
        pid=12,
        incarnation="00",
        state="running",
        started=NOW,
        uptime=5.0,
        cycle=0.2,
        interval=0.2,
        workers=[WorkerInfo(20, "digest", 1.5)],
        ended_workers=[EndedWorker(21, "crashed", -9, NOW), EndedWorker(22, "lost", None, NOW)],
        signals={"SIGHUP": SignalCount(3, 2)},
    )
    row = PeerRow(name="store", kind="service", pid=12, state="running", uptime=5.0, when=0.0)
    return model.picture(NOW + 5, [row], {"store": snapshot}, dropped=3)


def test_the_text_form() -> None:
    text = plain_text(picture_record(full_picture()))
    for part in (
        "bus demo",
        "3 events left out",
        "store",
        "+ store",
        "- <b>gone</b>",
        "digest",
        "-9",
        "unknown",
        "SIGHUP",
        "probe -> store",
        "2.10ms",
        "ValueError",
        "\u2588",
    ):
        assert part in text, part


def test_the_drawn_form() -> None:
    html = picture_html(full_picture())
    assert html.count("<svg") == 2
    assert "<b>gone" not in html
    assert "<i>bad" not in html
    assert "currentColor" in html
    assert "<script" not in html
    assert "class=" not in html, "style sheets do not survive a saved notebook"


class Distrusting(HTMLParser):
    """What front ends show of HTML that they do not trust: drawings lose their tags alone."""

    KEPT = ("div", "table", "thead", "tbody", "tr", "th", "td", "pre", "span", "br", "b", "i")

    def __init__(self) -> None:
        super().__init__()
        self.sizes = ["13px"]
        self.shown: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.KEPT and tag != "br":
            style = dict(attrs).get("style") or ""
            found = [each[10:] for each in style.split(";") if each.startswith("font-size:")]
            self.sizes.append(found[-1] if found else self.sizes[-1])

    def handle_endtag(self, tag: str) -> None:
        if tag in self.KEPT and tag != "br":
            self.sizes.pop()

    def handle_data(self, data: str) -> None:
        if self.sizes[-1] != "0px":
            self.shown.append(data)


def test_a_picture_that_loses_its_drawings_is_still_one() -> None:
    page = Distrusting()
    page.feed(picture_html(full_picture()))
    page.close()
    assert page.sizes == ["13px"]
    assert "probe -> store" in page.shown
    assert any("\u2588" in each for each in page.shown), "latencies as bars"
    assert "now" not in page.shown, "the words of a drawing mean nothing without it"


def test_pictures_are_well_formed_whatever_is_in_them() -> None:
    names = [f"peer <{number}> & \x1b[31m\u202e{'x' * 50}" for number in range(9)]
    traffic = [
        Exchange(NOW + n, a, b, kind, "label & <tag>" * 9, n % 3 == 0, 10.0 ** (n - 8))
        for n, (a, b, kind) in enumerate(
            (a, b, kind)
            for a in names
            for b in names[::3]
            for kind in ("request", "response", "general")
        )
    ]
    samples = [Sample(NOW - n, names[n % 9], 10.0 ** (n - 6)) for n in range(9)]
    for svg in (
        sequence_diagram(traffic),
        sequence_diagram([]),
        latency_chart(samples, NOW),
        latency_chart([], NOW),
        latency_chart([Sample(NOW, "a", 0.0)], NOW),
    ):
        ElementTree.fromstring(svg)
        assert "\x1b" not in svg


def test_the_chart_is_as_long_as_there_is_something_to_show() -> None:
    def begin(*ages: float) -> str:
        svg = latency_chart([Sample(NOW - age, "a", 0.001) for age in ages], NOW)
        return next(f"-{span}s" for span in (60, 30, 9) if f">-{span}s<" in svg)

    assert begin(2.0, 1.0) == "-9s"
    assert begin(29.0, 1.0) == "-30s"
    assert begin(31.0) == "-60s"


def test_shortening_keeps_both_ends() -> None:
    assert shorten("abc", 5) == "abc"
    assert shorten("handle-1234-abcdef", 9) == "hand\u2026cdef"
    assert len(shorten("x" * 100, 12)) == 12
