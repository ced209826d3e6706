"""`ps`: services and peers of a bus."""

from __future__ import annotations

from ipcm.console.peers import SORTS, PeerRow, look, sort_rows
from ipcm.console.results import Table
from ipcm.console.usage import UsageMeter
from ipcm.console.verb import Context, Option, Verb

__all__ = ["VERB"]

_PATIENCE = 1.0


def run(context: Context, sort: str | None) -> Table[PeerRow]:
    """See `VERB`."""
    with context.find_bus().observe(messages=False) as observer:
        table = look(observer, UsageMeter(), context.timeout or _PATIENCE)
    if sort is None:
        return table
    return Table(table.kind, sort_rows(list(table.rows), sort), table.columns, table.empty)


VERB = Verb(
    name="ps",
    summary="List the services and peers of a bus",
    group="Look",
    run=run,
    result=PeerRow,
    options=(
        Option("sort", ("--sort",), "By this column; figures from the largest.", choices=SORTS),
    ),
    doc="A service that does not answer within the time-out is shown as busy.",
    examples=(("", "who is there, and how they do"), ("--sort cpu", "the hungriest first")),
    timeout=_PATIENCE,
)
