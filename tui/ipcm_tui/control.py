"""What ends or disturbs somebody: done to the very process that was meant, or to nobody."""

from __future__ import annotations

import dataclasses
from signal import SIGCONT, SIGKILL, SIGSTOP, Signals
from typing import TYPE_CHECKING, Final, Literal

from ipcm._os.process import ProcessIdentity
from ipcm.errors import IPCMError, PeerGone, RequestTimeout, UnsupportedError
from ipcm_tui.models.formatting import printable
from ipcm_tui.models.peers import Peer, PeerKey

if TYPE_CHECKING:
    from ipcm_tui.session import Session

__all__ = ["Control", "Outcome", "Severity", "Target"]

Severity = Literal["information", "warning", "error"]

_BY_KERNEL: Final = frozenset({SIGKILL, SIGSTOP, SIGCONT})
"""Those that a process which does not run has to get from the kernel."""


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A peer as it was when somebody pointed at it.

    Attributes:
        who: its process: pid and start time. None where it had ended already.
    """

    key: PeerKey
    pid: int
    kind: str
    who: ProcessIdentity | None

    @property
    def name(self) -> str:
        """Fit to be shown."""
        return printable(self.key.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, in words. `done`: it was done."""

    done: bool
    text: str
    severity: Severity = "information"


class Control:
    """Acts on peers of a session.

    Between pointing at a peer and the act somebody reads a question, and the peer may end, its
    name get another life, its pid go to another process. So the incarnation, the pid and the
    start time of the process are compared at the moment of the act.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def target(self, peer: Peer) -> Target:
        """Points at a peer."""
        try:
            who = self._session.processes.identify(peer.pid)
        except (ProcessLookupError, UnsupportedError):
            who = None
        return Target(peer.key, peer.pid, peer.kind, who)

    def lost(self, target: Target) -> str | None:
        """Why the target is not there any more; None while it is."""
        info = self._session.source.presence.get(target.key.name)
        gone = f"{target.name} (pid {target.pid}) has left meanwhile; nothing was done."
        if self._session.over is not None or info is None or target.who is None:
            return gone
        if info.incarnation != target.key.incarnation or info.pid != target.pid:
            return f"{target.name} has another life now (pid {info.pid}); nothing was done."
        try:
            now = self._session.processes.identify(target.pid)
        except ProcessLookupError:
            return gone
        if now != target.who:
            return f"pid {target.pid} is another process now; nothing was done."
        return None

    async def terminate(self, target: Target) -> Outcome:
        """Asks a service to end, in order."""
        refusal = self._refusal(target)
        if refusal is not None:
            return refusal
        try:
            await self._session.source.terminate(target.key.name)
        except RequestTimeout:
            text = f"{target.name} is busy: it was asked to end, and will when it looks."
            return Outcome(True, text, "warning")
        except PeerGone:
            return Outcome(True, f"{target.name} has ended.")
        except IPCMError as error:
            return self._failed(target, error)
        return Outcome(True, f"{target.name} is asked to end.")

    async def signal(self, target: Target, number: Signals) -> Outcome:
        """Sends a signal: a service sends it to itself; a plain client gets it from the kernel,
        as does whoever is not able to look.
        """
        refusal = self._refusal(target)
        if refusal is not None:
            return refusal
        peer = self._session.peers.get(target.key)
        busy = peer is not None and peer.state == "busy"
        if target.kind != "service" or number in _BY_KERNEL or busy:
            return self._by_kernel(target, number)
        try:
            await self._session.source.signal(target.key.name, number)
        except PeerGone:
            return Outcome(True, f"{target.name} got {number.name}, and has ended.")
        except RequestTimeout:
            text = f"{target.name} is busy: it gets {number.name} when it looks."
            return Outcome(True, text, "warning")
        except IPCMError as error:
            return self._failed(target, error)
        return Outcome(True, f"{target.name} got {number.name}.")

    def stop(self, target: Target, number: Signals) -> Outcome:
        """One step of a kill: TERM, then KILL; through the kernel, which waits for nobody."""
        return self._refusal(target) or self._by_kernel(target, number)

    def _by_kernel(self, target: Target, number: Signals) -> Outcome:
        assert target.who is not None  # `lost` has said so otherwise
        try:
            self._session.processes.signal(target.who, number)
        except ProcessLookupError:
            return Outcome(False, f"{target.name} has ended already.")
        except OSError as error:
            return Outcome(False, f"{target.name}: {error.strerror}.", "error")
        return Outcome(True, f"{target.name} got {number.name}.")

    def _refusal(self, target: Target) -> Outcome | None:
        if self._session.read_only:
            return Outcome(False, "This console is read-only; nothing was done.", "error")
        lost = self.lost(target)
        return None if lost is None else Outcome(False, lost, "warning")

    def _failed(self, target: Target, error: IPCMError) -> Outcome:
        return Outcome(False, f"{target.name} was not reached: {printable(str(error))}", "error")
