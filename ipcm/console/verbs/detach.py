"""`detach`: make no bus the current one."""

from __future__ import annotations

from ipcm.console.results import Record, Section
from ipcm.console.verb import Context, Verb
from ipcm.errors import UsageError

__all__ = ["VERB"]


def run(context: Context) -> Record:
    """See `VERB`."""
    if context.session is None:
        raise UsageError("no bus is current from one command to the next")
    bus = context.session.detach()
    return Record({"bus": bus.name}, [Section(text=f"bus {bus.name} is no longer current")])


VERB = Verb(
    name="detach",
    summary="Make no bus the current one; the bus is left alone",
    group="Look",
    run=run,
    result=dict,
    examples=(("", "what follows means the only bus that runs, or names one"),),
    on_bus=False,
)
