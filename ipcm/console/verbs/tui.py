"""`tui`: the full-screen front end."""

from __future__ import annotations

from ipcm.console.completion import complete_bus
from ipcm.console.frontends import load_frontend
from ipcm.console.results import Finished
from ipcm.console.verb import Argument, Context, Option, Verb
from ipcm.errors import UsageError

__all__ = ["VERB"]


def run(context: Context, bus_name: str | None, read_only: bool) -> Finished:
    """See `VERB`."""
    if not context.terminal:
        raise UsageError("the full screen needs a terminal; `ipcm top` and `ipcm tail` do not")
    main = load_frontend("tui")
    bus = context.bus if bus_name is None else bus_name
    return Finished(main(bus, demo=False, read_only=read_only or context.read_only))


VERB = Verb(
    name="tui",
    summary="Watch and steer a bus on the full screen",
    group="Run",
    run=run,
    result=None,
    arguments=(
        Argument(
            "bus_name",
            "Which; left out the only one, or a list to choose from.",
            required=False,
            complete=complete_bus,
        ),
    ),
    options=(Option("read_only", ("--read-only",), "Look, and change nothing.", bool, False),),
    looks=True,
    doc="Where several buses run, or none, it lists them as they come and go.",
    examples=(("", "the only bus that runs, or a list"), ("demo --read-only", "this one, to look")),
)
