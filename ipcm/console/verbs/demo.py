"""`demo`: a small real system on real files, to look at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ipcm._core.observation import PeerEvent
from ipcm._os.interrupt import shielded
from ipcm.console.encode import plain_value
from ipcm.console.frontends import load_frontend
from ipcm.console.results import Finished, Record, Section
from ipcm.console.verb import Argument, Context, Option, Verb
from ipcm.console.waiting import wait_for
from ipcm.errors import UsageError

if TYPE_CHECKING:
    from ipcm.demo.run import Demo

__all__ = ["VERB"]

_PATIENCE = 5.0


def run(
    context: Context, path: str | None, no_tui: bool, seconds: float | None, name: str | None
) -> Record | Finished:
    """See `VERB`."""
    from ipcm.demo.run import Demo

    if path == "":
        raise UsageError("the path is empty; leave it out for the current directory")
    # Before anything starts: what is missing is said at once.
    frontend = None
    if context.terminal and not no_tui and seconds is None:
        frontend = load_frontend("tui")
    system = Demo(path if path is not None else ".", name=name)
    if frontend is None and not no_tui and seconds is None:
        context.narrate("not on the full screen, as with --no-tui")
    with shielded(system) as demo:
        if frontend is not None:
            return Finished(frontend(demo.bus, demo=True))
        return _watch(context, demo, seconds)


def _watch(context: Context, demo: Demo, seconds: float | None) -> Record:
    interrupted: KeyboardInterrupt | None = None
    try:
        until = "Ctrl-C ends it" if seconds is None else f"for {seconds:g} s"
        others = "`ipcm ps`, `ipcm tail`, `ipcm tui`"
        context.narrate(f"running on bus {demo.bus.name}, {until}; try {others}")
        _wait(context, demo, seconds)
    except KeyboardInterrupt as interrupt:
        interrupted = interrupt
    # Who interrupts wants it to end; else nobody waits, and the figures are to be right.
    summary = demo.summary(_PATIENCE) if interrupted is None else demo.summary()
    pairs = [(key.replace("_", " "), str(value)) for key, value in plain_value(summary).items()]
    return Record(summary, [Section(pairs=pairs)], interrupted)


def _wait(context: Context, demo: Demo, seconds: float | None) -> None:
    """Until the time is over, or no service is left; tells which ended."""
    deadline = None if seconds is None else time.monotonic() + seconds
    with demo.bus.observe(messages=False) as observer:
        services = {name for name, peer in observer.presence.items() if peer.kind == "service"}
        while services:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            for event in wait_for(observer, left):
                if event.service or not isinstance(event, PeerEvent):
                    continue
                if event.change < 0 and event.peer in services:
                    services.discard(event.peer)
                    context.narrate(f"{event.peer} has ended")
        context.narrate("no service is left")


VERB = Verb(
    name="demo",
    summary="Run a small real system on real files, and show it live",
    group="Run",
    run=run,
    result=dict,
    arguments=(
        Argument(
            "path",
            "The directory to index; here, where it is left out.",
            required=False,
            directory=True,
        ),
    ),
    options=(
        Option("no_tui", ("--no-tui",), "Without the full screen.", bool, False),
        Option(
            "seconds",
            ("-s", "--seconds"),
            "Run so long, without the full screen, and sum up.",
            float,
            minimum=0.0,
            metavar="SECONDS",
        ),
        Option("name", ("--name",), "Name of its bus."),
    ),
    doc=(
        "`indexer` walks the directory and forks workers that hash and count files, `store` keeps "
        "what they found in SQLite with full-text search, `probe` asks the store as a user would."
    ),
    examples=(
        ("", "the current directory, on the full screen"),
        ("~/src --no-tui", "another one, until Ctrl-C"),
        ("--seconds 5 -o json", "five seconds, then the figures as one JSON document"),
    ),
    on_bus=False,
)
