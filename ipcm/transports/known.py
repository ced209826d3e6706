"""What a port that subscribed knows of the others, and the changes that follow from the news."""

from __future__ import annotations

from typing import TypeAlias

from ipcm._core.presence import PeerInfo
from ipcm.transports.base import Change

__all__ = ["Known", "meet", "part"]

Known: TypeAlias = "dict[str, PeerInfo] | None"
"""The peers by name; None before the port has subscribed."""


def meet(known: Known, peer: PeerInfo) -> Change | None:
    """A peer came, or became ready; None where that is known already."""
    before = None
    if known is not None:
        before = known.get(peer.name)
        known[peer.name] = peer
    if before is None or before.incarnation != peer.incarnation:
        return Change("joined", peer)
    return Change("ready", peer) if before != peer else None


def part(known: Known, name: str, incarnation: str) -> Change:
    """One life of a peer ended."""
    if known is not None and name in known and known[name].incarnation == incarnation:
        return Change("left", known.pop(name))
    return Change("left", PeerInfo(name, 0, incarnation, "client", True, 0.0))
