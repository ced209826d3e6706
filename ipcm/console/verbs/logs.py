"""`logs`: what a service has written to its stdout and stderr."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Generator, Iterator
from typing import Any

import msgspec

from ipcm._os.process import ProcessIdentity, identify
from ipcm.bus import Bus
from ipcm.console.completion import complete_service
from ipcm.console.results import Span, Stream
from ipcm.console.verb import Argument, Context, Option, Verb
from ipcm.console.waiting import wait_for
from ipcm.errors import BusGone, NoSuchPeer
from ipcm.observe.observer import Observer
from ipcm.observe.output import Output

__all__ = ["VERB", "LogLine"]

LINES = 20
_PAUSE = 0.1


class LogLine(msgspec.Struct, frozen=True):
    """One line of a service's output."""

    service: str
    text: str


def run(
    context: Context, service: str, lines: int, follow: bool, seconds: float | None
) -> Stream[LogLine]:
    """See `VERB`."""
    bus = context.find_bus()
    output = bus.output(service)
    if not output.exists:
        present = [peer.name for peer in bus.presence() if peer.kind != "observer"]
        if service not in present:
            raise NoSuchPeer(service, present)
        context.narrate(
            f"nothing is kept of {service}: it has written nothing, or its output goes where "
            "that of its starter goes"
        )
    rows = _rows(context, bus, service, lines, follow or seconds is not None, seconds)
    return Stream(rows, _line, ("service", "text"), _fields, follow and seconds is None)


def _rows(
    context: Context, bus: Bus, service: str, lines: int, follow: bool, seconds: float | None
) -> Iterator[LogLine]:
    output = bus.output(service)
    rest = output.tail(lines)
    if follow:
        rest = yield from _follow(context, bus, service, output, rest, seconds)
    # Not splitlines, which takes the \r of a progress bar, and more, for the end of a line.
    *whole, rest = rest.split("\n")
    for text in [*whole, rest] if rest else whole:
        yield LogLine(service, text)


def _follow(
    context: Context, bus: Bus, service: str, output: Output, rest: str, seconds: float | None
) -> Generator[LogLine, None, str]:
    """The whole lines of what is there and of what comes; returns what is left behind them."""
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    with bus.observe(messages=False) as observer:
        writer = _Writer(observer, service)
        while (left := deadline - time.monotonic()) > 0:
            *whole, rest = rest.split("\n")
            for text in whole:
                yield LogLine(service, text)
            over = writer.has_ended()  # before the look: then its last words are there
            if more := output.read():
                rest += more
                continue
            if over:
                context.narrate(f"{service} has ended")
                break
            try:
                wait_for(observer, min(left, _PAUSE), context.output)
            except BusGone:
                break  # and with it all that writes
    return rest


class _Writer:
    """Whoever writes the output of a service: it may do so until its process is gone."""

    def __init__(self, observer: Observer, service: str) -> None:
        self._observer = observer
        self._service = service
        self._incarnation = ""
        self._who: ProcessIdentity | None = None

    def has_ended(self) -> bool:
        """Whether the service has left the bus, and its process has ended."""
        peer = self._observer.presence.get(self._service)
        if peer is None:
            return self._who is None or not self._who.alive()
        if peer.incarnation != self._incarnation:
            self._incarnation, self._who = peer.incarnation, None
            with contextlib.suppress(ProcessLookupError):  # it ends right now
                self._who = identify(peer.pid)
        return False


def _line(row: LogLine) -> list[Span]:
    return [(row.text, "")]


def _fields(row: LogLine) -> dict[str, Any]:
    return {"service": row.service, "text": row.text}


VERB = Verb(
    name="logs",
    summary="Show what a service has written to its stdout and stderr",
    group="Look",
    run=run,
    result=LogLine,
    arguments=(Argument("service", "Which; also one that has ended.", complete=complete_service),),
    options=(
        Option("lines", ("-n", "--lines"), "So many of the last ones.", int, LINES, minimum=0),
        Option("follow", ("-f", "--follow"), "And those to come, until it has ended.", bool, False),
        Option(
            "seconds",
            ("-s", "--seconds"),
            "Those to come, so long.",
            float,
            minimum=0.0,
            metavar="SECONDS",
        ),
    ),
    doc=(
        "Services started in the background write to a file on their bus, which ends with it; "
        "what is too old in it has been cut off."
    ),
    examples=(
        ("store", "the last lines"),
        ("store -f", "and what follows, until it ends"),
    ),
)
