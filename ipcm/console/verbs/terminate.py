"""`terminate`: ask services to end."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ipcm._core.presence import PeerInfo
from ipcm.console.completion import complete_service
from ipcm.console.results import Failure, Table
from ipcm.console.targets import TargetRow, await_ends, choose, listing, target_table
from ipcm.console.verb import Argument, Context, Option, Verb
from ipcm.console.waiting import gather
from ipcm.errors import BusGone, IPCMError, NoSuchPeer, PeerGone, RequestTimeout
from ipcm.message import Response

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
        if len(chosen) > 1 or (chosen and (everything or context.cautious)):
            names = listing([peer.name for peer in chosen])
            context.confirm(f"terminate {names} on bus {bus.name}")
        asked: dict[PeerInfo, float] = {}
        heeded: set[PeerInfo] = set()
        refused: dict[PeerInfo, IPCMError] = {}
        # All at once: one that is busy holds up no other.
        for peer in chosen:
            asked[peer] = time.monotonic()
            try:
                observer.ask_terminate(peer.name, _Answer(peer, heeded, refused))
            except NoSuchPeer:
                heeded.add(peer)  # it has ended, which is what was wanted
            except IPCMError as error:
                refused[peer] = error
        if no_wait:
            try:
                gather(observer, lambda: len(heeded) + len(refused) == len(asked), timeout)
            except BusGone:
                heeded.update(asked.keys() - refused.keys())  # all that was on it has ended
            rows = [
                TargetRow(name=peer.name, pid=peer.pid, done="asked to end", seconds=0.0)
                for peer in asked
                if peer in heeded
            ]
            failures += [
                Failure(peer.name, refused.get(peer) or RequestTimeout(peer.name, timeout))
                for peer in asked
                if peer not in heeded
            ]
        else:
            rows, late = await_ends(observer, asked, timeout, refused)
            failures += late
    return target_table(rows, failures)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Takes in what a service says to it."""

    peer: PeerInfo
    heeded: set[PeerInfo]
    refused: dict[PeerInfo, IPCMError]

    def __call__(self, response: Response, message: object) -> None:
        error = response.exception
        if isinstance(error, IPCMError) and not isinstance(error, PeerGone):
            self.refused[self.peer] = error
        else:
            self.heeded.add(self.peer)


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
