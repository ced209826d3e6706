"""A peer as plain data: what tables are sorted and filtered by, and what an export holds."""

from __future__ import annotations

import msgspec

from ipcm_tui.models.peers import Peer

__all__ = ["PeerRecord", "record_of"]


class PeerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One row. What only services have is None for others, as is what is not known.

    Attributes:
        state: starting, up, busy, ending or gone. busy: seconds without an answer.
        uptime: seconds on the bus. cpu: percent of one CPU. rss: bytes.
        open: requests not answered yet; requests: received; answered; errors.
        rate: answered per second, over the last ten seconds. p50, p95, p99: seconds.
        backlog: messages that peers have not taken yet. history: answered per second, over
            the last minute.
        how: how it ended. exit: of its process: the code, or -signal.
    """

    name: str
    kind: str
    pid: int
    state: str
    life: str
    busy: float | None = None
    uptime: float
    cpu: float | None = None
    rss: int | None = None
    peers: int | None = None
    workers: int | None = None
    requests: int | None = None
    answered: int | None = None
    open: int | None = None
    rate: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    backlog: int | None = None
    errors: int | None = None
    signals: int | None = None
    history: float | None = None
    lag: float | None = None
    ended: float | None = None
    exit: int | None = None
    how: str | None = None


def _word(peer: Peer) -> str:
    """The state in the words of `ipcm ps`; those who have left are not in its list."""
    if peer.state != "up":
        return peer.state
    return "running" if peer.is_service else "connected"


def record_of(peer: Peer, now: float) -> PeerRecord:
    """The peer's row; `now` in seconds since the epoch. Who has left takes nothing any more: it
    shall not stand among those who do.
    """
    row = PeerRecord(
        name=peer.name,
        kind=peer.kind,
        pid=peer.pid,
        state=_word(peer),
        life=peer.key.incarnation,
        busy=peer.busy_for or None,
        uptime=peer.uptime(now),
        cpu=None if peer.is_gone else peer.cpu,
        rss=None if peer.is_gone else peer.rss,
        ended=peer.ended,
        exit=peer.exit,
        how=peer.how or None,
    )
    snapshot = peer.snapshot
    if snapshot is None:
        return row
    total, answered = snapshot.total, snapshot.total.count > 0
    return msgspec.structs.replace(
        row,
        peers=len(snapshot.peers),
        workers=len(snapshot.workers),
        requests=snapshot.requests.received,
        answered=total.count,
        open=snapshot.requests.open,
        rate=None if peer.is_gone else total.rate,
        p50=total.p50 if answered else None,
        p95=total.p95 if answered else None,
        p99=total.p99 if answered else None,
        backlog=sum(snapshot.backlog.values()),
        errors=peer.error_count(),
        signals=peer.signal_count(),
        history=peer.rates.mean,
        lag=snapshot.loop_lag,
    )
