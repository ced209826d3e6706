"""`ps`: services and peers of a bus."""

from __future__ import annotations

from ipcm.console.peers import PEER_FIELDS, PeerRow, look
from ipcm.console.results import Table
from ipcm.console.selecting import Selection, filter_option, sort_option
from ipcm.console.usage import UsageMeter
from ipcm.console.verb import Context, Verb

__all__ = ["VERB"]

_PATIENCE = 1.0


def run(context: Context, filter: str | None, sort: str | None) -> Table[PeerRow]:
    """See `VERB`."""
    selection = Selection(PEER_FIELDS, filter, sort)
    with context.find_bus().observe(messages=False) as observer:
        return selection(look(observer, UsageMeter(), context.timeout or _PATIENCE))


VERB = Verb(
    name="ps",
    summary="List the services and peers of a bus",
    group="Look",
    run=run,
    result=PeerRow,
    options=(filter_option("p95>20ms and not errors=0", PEER_FIELDS), sort_option(PEER_FIELDS)),
    doc="A service that does not answer within the time-out is shown as busy.",
    examples=(
        ("", "who is there, and how they do"),
        ("--sort cpu", "the hungriest first"),
        ("--filter 'state=busy or errors>0'", "those in trouble"),
    ),
    timeout=_PATIENCE,
)
