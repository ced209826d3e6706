"""What the processes of peers take, and how they ended: seen from outside."""

from __future__ import annotations

import contextlib
from typing import Final, Protocol

from ipcm._os.endings import Ending
from ipcm._os.process import ProcessIdentity, identify, send_signal
from ipcm.console.usage import Usage, UsageMeter
from ipcm.errors import UnsupportedError
from ipcm_tui.models.peers import Peer, PeerKey

__all__ = ["HostProcesses", "Processes"]

_MOST_HELD: Final = 512
"""Descriptors, one a process, of the 1,024 that a process usually may have."""


class Processes(Protocol):
    """What the console asks about processes; tests put their own."""

    def meet(self, peer: Peer) -> None:
        """Holds on to the process of a peer that lives."""

    def part(self, key: PeerKey) -> None:
        """Lets go of it."""

    def usage(self, pid: int, since: float) -> Usage:
        """CPU and memory of a process that lived at `since` (seconds since the epoch)."""

    def exit(self, key: PeerKey) -> int | None:
        """How the process of a peer ended: the code, or -signal; None where it is not known."""

    def identify(self, pid: int) -> ProcessIdentity:
        """Tells a process from any later one; raises ProcessLookupError."""

    def signal(self, who: ProcessIdentity, number: int) -> None:
        """Signals this process and no other; raises ProcessLookupError, PermissionError."""

    def close(self) -> None:
        """Lets go of all."""


class HostProcesses:
    """The processes of this machine."""

    def __init__(self) -> None:
        self._meter = UsageMeter()
        self._held: dict[PeerKey, Ending] = {}

    def meet(self, peer: Peer) -> None:
        """See `Processes`."""
        if peer.key in self._held or len(self._held) >= _MOST_HELD:
            return
        # It may have gone already, or the platform has no way.
        with contextlib.suppress(ProcessLookupError, UnsupportedError, OSError):
            self._held[peer.key] = Ending(peer.pid)

    def part(self, key: PeerKey) -> None:
        """See `Processes`."""
        held = self._held.pop(key, None)
        if held is not None:
            held.close()

    def usage(self, pid: int, since: float) -> Usage:
        """See `Processes`."""
        return self._meter.measure(pid, since)

    def exit(self, key: PeerKey) -> int | None:
        """See `Processes`."""
        held = self._held.get(key)
        return None if held is None else held.exit()

    def identify(self, pid: int) -> ProcessIdentity:
        """See `Processes`."""
        return identify(pid)

    def signal(self, who: ProcessIdentity, number: int) -> None:
        """See `Processes`."""
        send_signal(who, number)

    def close(self) -> None:
        """See `Processes`."""
        for key in list(self._held):
            self.part(key)
