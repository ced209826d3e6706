"""`terminate`: ask services to end."""

from __future__ import annotations

import time

from ipcm.console.completion import complete_service
from ipcm.console.results import Failure, Table
from ipcm.console.targets import TARGET_COLUMNS, TargetRow, await_ends, choose, listing
from ipcm.console.verb import Argument, Context, Option, Verb
from ipcm.errors import IPCMError, NoSuchPeer, PeerGone

__all__ = ["VERB"]

TIMEOUT = 10.0


def run(
    context: Context, services: tuple[str, ...], everything: bool, no_wait: bool
) -> Table[TargetRow]:
    """See `VERB`."""
    timeout = context.timeout or TIMEOUT
    bus = context.find_bus()
    with bus.observe(read_only=False, messages=False) as observer:
        chosen, failures = choose(observer, services, everything)
        if failures and not chosen and len(failures) == 1:
            raise failures[0].error
        if len(chosen) > 1 or (chosen and (everything or context.cautious)):
            names = listing([peer.name for peer in chosen])
            context.confirm(f"terminate {names} on bus {bus.name}")
        asked = {}
        deadline = time.monotonic() + timeout
        for peer in chosen:
            asked[peer] = time.monotonic()
            try:
                observer.terminate(peer.name, max(deadline - asked[peer], 0.1))
            except (PeerGone, NoSuchPeer):
                continue  # it has ended, which is what was wanted
            except IPCMError as error:
                del asked[peer]
                failures.append(Failure(peer.name, error))
        if no_wait:
            rows = [
                TargetRow(name=peer.name, pid=peer.pid, done="asked to end", seconds=0.0)
                for peer in asked
            ]
        else:
            rows, late = await_ends(observer, asked, max(deadline - time.monotonic(), 0.1))
            failures += late
    if failures and not rows and len(failures) == 1:
        raise failures[0].error
    return Table(TargetRow, rows, TARGET_COLUMNS, empty="no service is there", failures=failures)


VERB = Verb(
    name="terminate",
    summary="Ask services to end, and wait until they have",
    group="Act",
    run=run,
    result=TargetRow,
    arguments=(
        Argument("services", "Which.", required=False, many=True, complete=complete_service),
    ),
    options=(
        Option("everything", ("-a", "--all"), "Every service of the bus.", bool, False),
        Option("no_wait", ("--no-wait",), "Return once they were asked.", bool, False),
    ),
    doc=(
        "On the command line one service ends without further ado; several, or --all, have to be "
        "confirmed, with -y where nobody can be asked. One that is too busy to heed it can be "
        "killed."
    ),
    examples=(("probe", "end `probe`"), ("--all -y", "end all services of the bus")),
    destructive=True,
    timeout=TIMEOUT,
)
