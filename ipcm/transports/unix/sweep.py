"""What those who have ended left: sockets that nobody listens at, and older and older outputs."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ipcm._core.presence import PeerInfo
from ipcm.transports.unix.route import Route

__all__ = ["Sweep"]

_REST: Final = 1.0
"""Seconds from an end to the look around, and those that a socket may take to be somebody's."""

_KEPT: Final = 100
"""Output files of services that have ended."""

_STARTING: Final = 60.0
"""Seconds that a service may take from the opening of its output to a place on the bus."""


class Sweep:
    """Removes what nobody listens at, and the outputs of those who ended before many others.

    Attributes:
        due: when `run` is to be called (monotonic seconds).
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        # Each look at a socket leaves a connection there, which an idle peer does not take: one
        # that listened is not looked at again.
        self._lived: set[str] = set()
        self.due = math.inf

    def ask(self, now: float, rest: float = _REST) -> None:
        """Somebody has ended: looks around in a while."""
        self.due = min(self.due, now + rest)

    def bury(self, peer: PeerInfo, *, ended: bool) -> None:
        """One has hung up: removes its socket, unless it listens still, and may come again.

        Args:
            ended: so has its process. Whoever listens then is a child that it forked.
        """
        address = self._route.peer_address(peer.name, peer.incarnation)
        with contextlib.suppress(OSError):  # no descriptors are left: it is looked at later on
            if ended or self._route.listener(address) is None:
                os.unlink(address)

    def run(self, now: float, peers: Iterable[PeerInfo]) -> None:
        """Looks at the sockets of all but these, whom the registrar knows."""
        self.due = math.inf
        address = self._route.peer_address
        known = {Path(address(peer.name, peer.incarnation)).name for peer in peers}
        try:
            self._lived &= (found := set(os.listdir(self._route.path / "p")))
            for file in found - known - self._lived:
                with contextlib.suppress(FileNotFoundError):  # its peer has removed it itself
                    self._look_at(file, now)
            self._forget_outputs()
        except FileNotFoundError:
            return  # somebody else tidies up, too; who is on a bus that was removed goes on
        except OSError:
            self.ask(now)  # no descriptors are left

    def _look_at(self, file: str, now: float) -> None:
        path = self._route.path / "p" / file
        if path.stat().st_mtime > time.time() - _REST:
            self.ask(now)  # it may be about to listen
        elif self._route.answers(file):
            self._lived.add(file)
        else:
            path.unlink()

    def _forget_outputs(self) -> None:
        log = self._route.path / "log"
        files = set(os.listdir(log))
        if len(files) <= _KEPT:
            return
        # Whoever may live has a socket, also one that a new registrar has not heard of yet.
        files -= {file.rpartition("~")[0] for file in os.listdir(self._route.path / "p")}
        files.discard("_registrar")
        ended = sorted(((log / file).stat().st_mtime, file) for file in files)
        for written, file in ended[:-_KEPT]:
            if written < time.time() - _STARTING:
                (log / file).unlink()
