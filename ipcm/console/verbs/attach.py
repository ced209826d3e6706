"""`attach`: make a bus the current one."""

from __future__ import annotations

from typing import Any

from ipcm.console.completion import complete_bus
from ipcm.console.results import Record, Section
from ipcm.console.verb import Argument, Context, Verb
from ipcm.errors import UsageError

__all__ = ["VERB"]


def run(context: Context, bus_name: str | None) -> Record:
    """See `VERB`."""
    if context.session is None:
        raise UsageError("nothing is kept from one command to the next: IPCM_BUS names a bus")
    bus = context.session.attach(bus_name)
    services = bus.services()
    value: dict[str, Any] = {"bus": bus.name, "info": bus.info, "services": services}
    pairs = [("bus", bus.name), ("services", ", ".join(services) or "none yet")]
    return Record(value, [Section(pairs=pairs)])


VERB = Verb(
    name="attach",
    summary="Make a bus the current one, for all that follows",
    group="Look",
    run=run,
    result=dict,
    arguments=(
        Argument(
            "bus_name",
            "Its name or info string; without one, the only bus that runs.",
            required=False,
            complete=complete_bus,
        ),
    ),
    doc="Not needed where exactly one bus runs.",
    examples=(("", "the only bus"), ("demo", "this one")),
    on_bus=False,
)
