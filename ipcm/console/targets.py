"""Which services an acting verb means, and waiting for their end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from ipcm._core.presence import PeerInfo
from ipcm.console.cells import ms_text
from ipcm.console.results import Column, Failure, Table
from ipcm.console.waiting import gather
from ipcm.errors import BusGone, IPCMError, NoSuchPeer, RequestTimeout, UsageError
from ipcm.observe.observer import Observer

__all__ = ["TARGET_COLUMNS", "TargetRow", "await_ends", "choose", "listing", "target_table"]


class TargetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A service that something was done to.

    Attributes:
        done: what: "ended", "asked to end", "signalled".
        seconds: how long it took.
    """

    name: str
    pid: int
    done: str
    seconds: float


TARGET_COLUMNS: tuple[Column[TargetRow], ...] = (
    Column("NAME", lambda row: row.name, shrink=True, style=lambda row: "name"),
    Column("PID", lambda row: str(row.pid), right=True),
    Column("DONE", lambda row: row.done),
    Column("TOOK", lambda row: ms_text(row.seconds), right=True),
)


def listing(names: Sequence[str], most: int = 8) -> str:
    """Names for a question, not too many."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def target_table(rows: list[TargetRow], failures: list[Failure]) -> Table[TargetRow]:
    """What became of them.

    Raises:
        IPCMError: of the only one there was, why it could not be done.
    """
    if not rows:
        _raise_only(failures)
    empty = "" if failures else "no service is there"
    return Table(TargetRow, rows, TARGET_COLUMNS, empty, failures)


def choose(
    observer: Observer, names: Sequence[str], everything: bool
) -> tuple[list[PeerInfo], list[Failure]]:
    """The services meant.

    Args:
        everything: all services of the bus, instead of names.

    Returns:
        Them, and a failure for each name that is no service.

    Raises:
        UsageError: neither names nor everything, or both.
        IPCMError: the only name there is, is no service.
    """
    if everything == bool(names):
        raise UsageError(
            "name the services, or say --all" if not names else "names or --all, not both"
        )
    present = observer.presence
    if everything:
        return [peer for peer in present.values() if peer.kind == "service"], []
    chosen: list[PeerInfo] = []
    failures: list[Failure] = []
    for name in dict.fromkeys(names):
        peer = present.get(name)
        if peer is None:
            failures.append(Failure(name, NoSuchPeer(name, present)))
        elif peer.kind != "service":
            failures.append(
                Failure(
                    name,
                    UsageError(f"{name!r} is a {peer.kind}, no service; its process is {peer.pid}"),
                )
            )
        else:
            chosen.append(peer)
    if not chosen:
        _raise_only(failures)
    return chosen, failures


def _raise_only(failures: Sequence[Failure]) -> None:
    """Raises the error of the only one there is: a table of it would say less."""
    if len(failures) == 1:
        raise failures[0].error


def await_ends(
    observer: Observer,
    asked: Mapping[PeerInfo, float],
    timeout: float,
    refused: Mapping[PeerInfo, IPCMError] | None = None,
) -> tuple[list[TargetRow], list[Failure]]:
    """Waits until services have left the bus.

    Args:
        asked: each, and the monotonic time at which it was asked to end.
        timeout: seconds for all of them together.
        refused: those that will not, and why; filled while it waits.

    Returns:
        A row for each that ended, a failure for each that did not.
    """
    rows: list[TargetRow] = []
    failures: list[Failure] = []
    refused = {} if refused is None else refused
    waiting = dict(asked)

    def look() -> bool:
        now = time.monotonic()
        for peer in list(waiting):
            there = observer.presence.get(peer.name)
            # The name may be there again, in another life.
            if there is None or there.incarnation != peer.incarnation:
                took = now - waiting.pop(peer)
                rows.append(TargetRow(name=peer.name, pid=peer.pid, done="ended", seconds=took))
            elif peer in refused:
                del waiting[peer]
                failures.append(Failure(peer.name, refused[peer]))
        return not waiting

    try:
        gather(observer, look, timeout)
        look()
    except BusGone:
        # With the bus, all of it ended.
        observer.presence.clear()
        look()
    for peer in waiting:
        late = RequestTimeout(peer.name, timeout, f"{peer.name!r} has not ended")
        failures.append(Failure(peer.name, late))
    return rows, failures
