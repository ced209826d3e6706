"""`top`: `ps`, again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ipcm.bus import Bus
from ipcm.console.peers import PEER_FIELDS, PeerRow, look
from ipcm.console.results import Frames, Table
from ipcm.console.selecting import Selection, filter_option, sort_option
from ipcm.console.usage import UsageMeter
from ipcm.console.verb import Context, Option, Verb
from ipcm.console.waiting import gather, wait_for
from ipcm.observe.observer import Observer

__all__ = ["VERB"]

_PATIENCE = 1.0
_FRESH = 0.1


def run(
    context: Context, interval: float, count: int | None, filter: str | None, sort: str | None
) -> Frames[PeerRow]:
    """See `VERB`."""
    selection = Selection(PEER_FIELDS, filter, sort)
    if count is None and not context.terminal:
        count = 1
    frames = _frames(context, context.find_bus(), interval, count, selection)
    return Frames(frames, endless=count is None)


def _frames(
    context: Context, bus: Bus, interval: float, count: int | None, selection: Selection
) -> Iterator[Table[PeerRow]]:
    meter = UsageMeter()
    shown = 0
    with bus.observe(messages=False) as observer:
        while True:
            yield selection(look(observer, meter, _PATIENCE if not shown else 0.0))
            shown += 1
            if count is not None and shown >= count:
                return
            _wait(observer, interval, context.output)
            _refresh(observer)


def _wait(observer: Observer, seconds: float, output: int | None) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        wait_for(observer, left, output)


def _refresh(observer: Observer) -> None:
    """Gets new figures; of a service that has become slow the old ones, for a frozen screen
    would be worse.
    """
    old = dict(observer.snapshots)
    observer.refresh()

    def all_new() -> bool:
        return all(observer.snapshots.get(name) is not snapshot for name, snapshot in old.items())

    gather(observer, all_new, _FRESH)


VERB = Verb(
    name="top",
    summary="Watch services and peers, refreshed in place",
    group="Look",
    run=run,
    result=PeerRow,
    options=(
        Option(
            "interval",
            ("-d", "--interval"),
            "Between two looks.",
            float,
            1.0,
            minimum=0.1,
            metavar="SECONDS",
        ),
        Option(
            "count",
            ("-n", "--count"),
            "Looks; off a terminal one, on it until Ctrl-C.",
            int,
            minimum=1,
            metavar="N",
        ),
        filter_option("rate>100 or state=busy", PEER_FIELDS),
        sort_option(PEER_FIELDS),
    ),
    examples=(("", "until Ctrl-C"), ("-d 0.5 --sort rate", "the busiest first, twice a second")),
)
