"""`tui`: the full-screen front end."""

from __future__ import annotations

from ipcm.console.frontends import load_frontend
from ipcm.console.results import Finished
from ipcm.console.verb import Context, Option, Verb
from ipcm.errors import UsageError

__all__ = ["VERB"]


def run(context: Context, read_only: bool) -> Finished:
    """See `VERB`."""
    if not context.terminal:
        raise UsageError("the full screen needs a terminal; `ipcm top` and `ipcm tail` do not")
    main = load_frontend("tui")
    return Finished(main(context.find_bus(), demo=False, read_only=read_only or context.read_only))


VERB = Verb(
    name="tui",
    summary="Watch and steer a bus on the full screen",
    group="Run",
    run=run,
    result=None,
    options=(Option("read_only", ("--read-only",), "Look, and change nothing.", bool, False),),
    looks=True,
    examples=(("", "the only bus that runs"), ("-b demo", "this one")),
)
