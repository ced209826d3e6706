"""`kill`: SIGKILL for services that heed nothing else."""

from __future__ import annotations

import time
from signal import SIGKILL

from ipcm._core.presence import PeerInfo
from ipcm._os.process import ProcessIdentity, identify, send_signal
from ipcm.bus import Bus
from ipcm.console.completion import complete_service
from ipcm.console.results import Failure, Table
from ipcm.console.targets import TargetRow, await_ends, choose, listing, target_table
from ipcm.console.verb import Argument, Context, Option, Verb

__all__ = ["VERB"]

TIMEOUT = 5.0


def run(context: Context, services: tuple[str, ...], everything: bool) -> Table[TargetRow]:
    """See `VERB`."""
    bus = context.find_bus()
    with bus.observe(read_only=True, messages=False) as observer:
        chosen, failures = choose(observer, services, everything)
        if chosen:
            context.confirm(f"kill {listing([peer.name for peer in chosen])} on bus {bus.name}")
        victims = _identified(bus, chosen)
        asked = {}
        for peer in chosen:
            asked[peer] = time.monotonic()
            victim = victims.get(peer)
            if victim is None:
                continue  # it ended meanwhile, which is what was wanted
            try:
                send_signal(victim, SIGKILL)
            except ProcessLookupError:
                continue
            except OSError as error:
                del asked[peer]
                failures.append(Failure(peer.name, error))
        rows, late = await_ends(observer, asked, context.timeout or TIMEOUT)
    failures += late
    return target_table(rows, failures)


def _identified(bus: Bus, chosen: list[PeerInfo]) -> dict[PeerInfo, ProcessIdentity]:
    """The processes of the services, and no later ones with their pids.

    Identity is taken first and presence looked at again then: what is still on the bus in the
    same life was that process all along.
    """
    identities = {}
    for peer in chosen:
        try:
            identities[peer] = identify(peer.pid)
        except ProcessLookupError:
            continue
    there = {peer.incarnation for peer in bus.presence()}
    return {peer: who for peer, who in identities.items() if peer.incarnation in there}


VERB = Verb(
    name="kill",
    summary="Kill services with SIGKILL",
    group="Act",
    run=run,
    result=TargetRow,
    arguments=(
        Argument("services", "Which.", required=False, many=True, complete=complete_service),
    ),
    options=(Option("everything", ("-a", "--all"), "Every service of the bus.", bool, False),),
    doc=(
        "For a service that is too busy to heed `terminate`: it gets no chance to clean up, and "
        "its workers die with it. Has to be confirmed, with -y where nobody can be asked."
    ),
    examples=(("probe", "after a question"), ("probe -y", "without")),
    destructive=True,
    timeout=TIMEOUT,
)
